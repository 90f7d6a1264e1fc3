package uploads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"uploadd/api"
)

// content reads a File, its Parts one behind the other. What it lets go has been
// verified: damage ends the read with an error, short.
type content struct {
	ctx   context.Context
	blobs Blobs
	file  *File // nil while a completion verifies its Parts
	parts []Part
	size  int64
	// remote says that nobody has asked whether the blobs are there.
	remote bool

	pos  int64
	end  int64       // of what is wanted, as far as that is known: c.size at most
	part int         // index of the Part that open reads
	open *partReader // nil: to be opened at pos
}

func newContent(ctx context.Context, blobs Blobs, f *File, parts []Part) *content {
	c := &content{ctx: ctx, blobs: blobs, file: f, parts: parts}
	if n := len(parts); n > 0 {
		c.size = parts[n-1].Offset + parts[n-1].Bytes
	}
	c.end = c.size
	return c
}

func (c *content) File() *api.File { return wireFile(c.file) }

func (c *content) CRC32C() (uint32, bool) { return c.file.CRC32C, true }

func (c *content) Read(p []byte) (int, error) {
	if c.pos >= c.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.open == nil {
		if err := c.openAt(c.pos); err != nil {
			return 0, err
		}
	}
	n, err := c.open.Read(p)
	c.pos += int64(n)
	if err == nil && c.pos == c.parts[c.part].Offset+c.open.end {
		err = c.shut()
	}
	return n, err
}

func (c *content) openAt(pos int64) (err error) {
	// The first Part that ends behind pos; none is empty but that of an empty File.
	c.part = sort.Search(len(c.parts), func(i int) bool { return c.parts[i].Offset+c.parts[i].Bytes > pos })
	part := &c.parts[c.part]
	if pos >= c.end { // more is wanted after all
		c.end = c.size
	}
	if c.open, err = openPart(c.ctx, c.blobs, part, pos-part.Offset, min(part.Bytes, c.end-part.Offset)); err != nil {
		return fmt.Errorf("part %s: %w", part.ID, err)
	}
	return nil
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.pos
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of the file")
	}
	if offset != c.pos {
		if err := c.shut(); err != nil {
			return 0, err
		}
		c.pos = offset
	}
	return offset, nil
}

func (c *content) Close() error { return c.shut() }

func (c *content) shut() error {
	if c.open == nil {
		return nil
	}
	r := c.open
	c.open = nil
	return r.Close()
}

// Ready makes content an [api.Expectant]. Where the sizes of all blobs have been asked
// for there is nothing left to look at.
func (c *content) Ready(n int64) error {
	if n < c.size-c.pos {
		c.end = c.pos + n
	}
	if !c.remote || c.pos >= c.size {
		return nil
	}
	if c.open == nil {
		if err := c.openAt(c.pos); err != nil {
			return storeError(err)
		}
	}
	return storeError(c.open.prepare())
}

// verifyWhole holds the records of the Parts against that of the File.
func (c *content) verifyWhole() error {
	if c.size != c.file.Bytes || len(c.parts) != c.file.Parts {
		return fmt.Errorf("%w: file %s has %d parts of %d bytes in all, want %d of %d",
			ErrCorrupt, c.file.ID, len(c.parts), c.size, c.file.Parts, c.file.Bytes)
	}
	var at int64
	for i := range c.parts {
		p := &c.parts[i]
		if p.Offset != at {
			return fmt.Errorf("%w: part %s begins at byte %d instead of %d", ErrCorrupt, p.ID, p.Offset, at)
		}
		at += p.Bytes
	}
	return nil
}

// verifySizes holds the blobs' sizes against the records.
func (c *content) verifySizes() error {
	for i := range c.parts {
		p := &c.parts[i]
		n, err := c.blobs.Size(c.ctx, p.ID)
		if err != nil {
			return fmt.Errorf("part %s: %w", p.ID, err)
		}
		if n != p.stored() {
			return fmt.Errorf("%w: part %s is stored with %d bytes, want %d", ErrCorrupt, p.ID, n, p.stored())
		}
	}
	return nil
}
