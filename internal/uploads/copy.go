package uploads

import (
	"context"
	"fmt"
	"io"
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
			if n, err := c.To.Size(ctx, p.ID); err == nil && n == p.stored() {
				continue
			}
			unreadable, err := c.part(ctx, p)
			if err != nil {
				return done, err
			}
			if unreadable != nil {
				done.Faults++
				c.Report(fmt.Sprintf("part %s%s: %s", p.ID, belongsTo(p), unreadable))
				continue
			}
			done.New++
			done.Bytes += p.Bytes
		}
	}
}

// part copies one blob in the place of what an interrupted copy left.
func (c *Copier) part(ctx context.Context, p *Part) (unreadable, err error) {
	if _, err := c.To.Delete(ctx, []string{p.ID}); err != nil {
		return nil, err
	}
	n, unreadable, err := copyPart(ctx, c.From, c.To, p, p.Padding)
	if err == nil && unreadable == nil && n != p.stored() {
		err = fmt.Errorf("the copy of part %s has %d bytes, want %d", p.ID, n, p.stored())
	}
	return unreadable, err
}

// copyPart copies one blob, verifies it on the way, and returns how long the copy is.
// What is wrong with the blob is no reason to stop; what is wrong with the copy is.
func copyPart(ctx context.Context, from, to Blobs, p *Part, padding int64) (size int64, unreadable, err error) {
	r, err := openPart(ctx, from, p, 0, p.Bytes)
	if err != nil {
		return 0, err, ctx.Err()
	}
	defer r.Close()
	src := &source{r: io.MultiReader(io.LimitReader(r, p.Bytes), io.LimitReader(zeros{}, padding)), left: p.Bytes + padding}
	size, err = to.Put(ctx, p.ID, src)
	if err != nil && src.err != nil {
		return 0, src.err, ctx.Err()
	}
	if err == nil && size < p.Bytes {
		err = fmt.Errorf("the copy of part %s has %d bytes, want %d", p.ID, size, p.Bytes)
	}
	return size, nil, err
}

// source knows its length, and remembers that reading failed.
type source struct {
	r    io.Reader
	left int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// AtMost is exact: it makes source an [api.Bounded].
func (s *source) AtMost() (int64, bool) { return s.left, true }

// zeros yields zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
