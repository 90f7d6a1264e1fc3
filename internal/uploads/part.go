package uploads

import (
	"context"
	"errors"
	"fmt"
	"io"

	"uploadd/api"
)

const pendingOnly = "parts can be added only while it is pending"

func (t *tenant) AddPart(ctx context.Context, uploadID string, data io.Reader) (*api.Part, error) {
	u, err := t.findUpload(ctx, uploadID)
	if err != nil {
		return nil, err
	}
	// Asked here only so that a part that cannot be kept is not read; the
	// transaction that records it asks again.
	if now := t.now(); status(u, now) != api.StatusPending {
		return nil, stateError(u, now, pendingOnly)
	}
	flight, _, err := t.fly(ctx)
	if err != nil {
		return nil, err
	}
	defer flight.end()
	src := &measured{r: data, flight: flight, limit: min(t.MaxPart, u.Bytes), tooLong: func(limit int64) error {
		if limit == t.MaxPart {
			return api.Errorf(api.ErrTooLarge, "data", "The part is larger than the maximum of %d bytes.", limit).
				WithCode(api.CodePartTooLarge)
		}
		return api.Errorf(api.ErrInvalid, "data", "The part is larger than the %d bytes declared for upload %s.", limit, u.ID).
			WithCode(api.CodeSizeMismatch)
	}}
	src.md5 = t.md5s.begin(u)
	part := &Part{UploadID: u.ID}
	err = t.store(ctx, part, src, func() error {
		if src.size == 0 {
			return api.Errorf(api.ErrInvalid, "data", "The part is empty: it must have at least 1 byte.")
		}
		return t.Meta.AddPart(ctx, t.caller.Project, part, part.CreatedAt, bounds(u))
	})
	if err != nil {
		src.md5.end("")
	} else {
		src.md5.end(part.ID)
	}
	switch {
	case errors.Is(err, ErrConflict):
		return nil, t.conflict(ctx, u.ID, pendingOnly)
	case errors.Is(err, ErrTooMuch):
		b := bounds(u)
		return nil, api.Errorf(api.ErrInvalid, "data",
			"Upload %s has been sent too much: its parts may add up to %d bytes, in at most %d parts, for the %d bytes declared.",
			u.ID, b.Bytes, b.Parts, u.Bytes)
	case err != nil:
		return nil, storeError(err)
	}
	return wirePart(part), nil
}

// bounds stops abuse, and nothing else: a client that loses responses sends
// each part up to three times, and must still be able to complete.
func bounds(u *Upload) Bounds {
	return Bounds{Bytes: 3*u.Bytes + 8*api.MaxPart, Parts: 3 * api.MaxPartIDs}
}

// store puts the bytes of src where part says and records them. It fills in
// the part's key, size, checksum and time before it calls record.
func (s *Service) store(ctx context.Context, part *Part, src *measured, record func() error) error {
	key, err := s.keys.take(ctx)
	if err != nil {
		return err
	}
	size, err := s.Blobs.Put(ctx, key, src)
	if err == nil {
		part.ID, part.Bytes, part.Padding, part.CreatedAt = key, src.size, size-src.size, s.now()
		part.Sums, part.CRC32C = src.done()
		err = record()
	}
	if err != nil {
		// The blob goes as soon as it can rather than when its lease ends. Whether
		// record happened after all does not matter: then the key has left the bin,
		// and stays as it is. The caller may be gone, so its context is not used.
		if derr := s.Meta.Discard(context.WithoutCancel(ctx), []string{key}, s.settled(s.now())); derr != nil {
			s.Log.Warn("a blob stays until its lease ends", "key", key, "err", derr)
		}
	}
	return err
}

func (t *tenant) ListParts(ctx context.Context, uploadID string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	u, err := t.findUpload(ctx, uploadID)
	if err != nil {
		return nil, err
	}
	p, err := page(&q)
	if err != nil {
		return nil, err
	}
	if err := checkCursor(q.After, partID); err != nil {
		return nil, err
	}
	shown, err := t.describe(ctx, u)
	if err != nil {
		return nil, err
	}
	var ps []Part
	// What is past its end is gone from every answer at once, from the disk soon.
	if shown.Status == api.StatusPending || shown.File != nil {
		if ps, err = t.Meta.Parts(ctx, u.Project, u.ID, p); err != nil {
			return nil, listError(err, q)
		}
	}
	return list(ps, q.Limit,
		func(p *Part) api.PartInfo {
			return api.PartInfo{Part: *wirePart(p), Bytes: p.Bytes, CRC32C: fmt.Sprintf("%08x", p.CRC32C)}
		},
		func(p *api.PartInfo) string { return p.ID }), nil
}

func wirePart(p *Part) *api.Part {
	return &api.Part{ID: p.ID, Object: "upload.part", CreatedAt: p.CreatedAt, UploadID: p.UploadID}
}

// measured counts and sums what is read through it, and fails beyond limit.
type measured struct {
	r       io.Reader
	limit   int64
	tooLong func(limit int64) error
	flight  *flight
	md5     *partMD5 // nil: nobody wants it
	blockSums
}

// AtMost passes on what the source knows of its length. More than limit does not come.
func (m *measured) AtMost() (int64, bool) {
	b, ok := m.r.(api.Bounded)
	if !ok {
		return 0, false
	}
	n, known := b.AtMost()
	return min(n, m.limit-m.size), known
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.size+int64(n) > m.limit {
		return 0, m.tooLong(m.limit)
	}
	if ferr := m.flight.add(int64(n)); ferr != nil {
		return 0, ferr
	}
	m.Write(p[:n])
	m.md5.Write(p[:n])
	if err == io.ErrUnexpectedEOF { // which io.ReadFull of a store would take for the end
		err = fmt.Errorf("what was sent is cut off: %w", err)
	}
	return n, err
}
