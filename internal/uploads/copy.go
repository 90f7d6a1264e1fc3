package uploads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Copier copies the blobs of all recorded Parts from one store to another, for a
// back-up. Blobs never change, so those that are there already stay.
type Copier struct {
	Meta     Meta // the records that are backed up; nobody changes them meanwhile
	From, To Blobs
	// Report is called with each Part that cannot be copied. The others are.
	Report func(fault string)
}

// Copied is what a Copier did.
type Copied struct {
	Parts  int   // of the records
	New    int   // of those, copied now
	Bytes  int64 // that were copied now
	Faults int
}

// Copy does it. Its error says that it could not go on.
func (c *Copier) Copy(ctx context.Context) (done Copied, err error) {
	for after := int64(0); ; {
		parts, err := c.Meta.AllParts(ctx, after, checkBatch)
		if err != nil || len(parts) == 0 {
			return done, err
		}
		for i := range parts {
			p := &parts[i]
			after = p.Seq
			done.Parts++
			if n, err := c.To.Size(ctx, p.ID); err == nil && n == p.Bytes {
				continue
			}
			switch err := c.part(ctx, p); {
			case err == nil:
				done.New++
				done.Bytes += p.Bytes
			case errors.Is(err, ErrCorrupt), errors.Is(err, fs.ErrNotExist), errors.Is(err, io.ErrUnexpectedEOF):
				done.Faults++
				c.Report(fmt.Sprintf("part %s%s: %s", p.ID, belongsTo(p), err))
			default:
				return done, err
			}
		}
	}
}

// part copies one blob, and verifies it on the way.
func (c *Copier) part(ctx context.Context, p *Part) error {
	// What an interrupted copy left.
	if _, err := c.To.Delete(ctx, []string{p.ID}); err != nil {
		return err
	}
	r, err := openPart(ctx, c.From, p, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	return c.To.Put(ctx, p.ID, io.LimitReader(r, p.Bytes))
}
