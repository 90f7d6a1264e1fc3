package transfer

import (
	"fmt"

	"uploadd/api"
)

const (
	// singleMax is the largest file that goes by one request, in bytes. Sent
	// again from its start it costs little; what is larger had better resume.
	singleMax = 1 << 20
	// minPart is the smallest Part chosen here: a request for each costs as much
	// as some 100 KiB.
	minPart = 8 << 20
	// aim is how many Parts a file is cut into, if they get neither too small
	// nor too large by that.
	aim = 16
)

// Plan is how a file of a size would be sent.
type Plan struct {
	Size     int64
	Single   bool  // by one request, as a File at once, if its name is a simple one; else as an Upload
	PartSize int64 // of all Parts but the last one, in bytes
	Parts    int
}

// Plan tells how a file of size bytes would be sent, and what is wrong with
// such a size. It asks nobody.
func (u *Uploader) Plan(size int64) (Plan, error) {
	if size < 0 {
		return Plan{}, fmt.Errorf("transfer: the size %d is negative", size)
	}
	if u.PartSize < 0 || u.PartSize > api.MaxPart {
		return Plan{}, fmt.Errorf("transfer: a Part of %d bytes: it must have 1 to %d", u.PartSize, api.MaxPart)
	}
	if size > 0 && size <= singleMax && (u.PartSize == 0 || size <= u.PartSize) {
		return Plan{Size: size, Single: true, PartSize: size, Parts: 1}, nil
	}
	part := u.PartSize
	if part == 0 {
		const step = 1 << 20
		part = min(max((size/aim/step+1)*step, minPart), api.MaxPart)
	}
	p := cut(size, part)
	if p.Parts > api.MaxPartIDs {
		return Plan{}, fmt.Errorf("transfer: %d bytes in Parts of %d are %d Parts, more than %d", size, part, p.Parts, api.MaxPartIDs)
	}
	return p, nil
}

// cut is size bytes in Parts of the size part.
func cut(size, part int64) Plan {
	p := Plan{Size: size, PartSize: part, Parts: int(size / part)}
	if size%part > 0 {
		p.Parts++
	}
	return p
}

// part is where the Part with the index i begins, and how long it is.
func (p Plan) part(i int) (offset, length int64) {
	offset = int64(i) * p.PartSize
	return offset, min(p.PartSize, p.Size-offset)
}
