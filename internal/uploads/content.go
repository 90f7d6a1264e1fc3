package uploads

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"uploadd/api"
)

// ErrCorrupt is a blob that is not what was stored.
var ErrCorrupt = errors.New("stored bytes are damaged")

// content reads a File, its Parts one behind the other. Each Part that is read
// from its first byte to its last is held against its checksum before its last
// bytes are let go: a damaged one ends the read with an error, short.
type content struct {
	ctx   context.Context
	blobs Blobs
	file  *File // nil while a completion verifies its Parts
	parts []Part
	size  int64

	pos  int64
	part int           // index of the Part that open reads
	open io.ReadCloser // nil: to be opened at pos
	crc  uint32
	sum  bool // open began at the Part's first byte
}

func newContent(ctx context.Context, blobs Blobs, f *File, parts []Part) *content {
	c := &content{ctx: ctx, blobs: blobs, file: f, parts: parts}
	if n := len(parts); n > 0 {
		c.size = parts[n-1].Offset + parts[n-1].Bytes
	}
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
	part := &c.parts[c.part]
	left := part.Offset + part.Bytes - c.pos
	n, err := c.open.Read(p[:min(int64(len(p)), left)])
	if c.sum {
		c.crc = crc32.Update(c.crc, castagnoli, p[:n])
	}
	if left -= int64(n); left == 0 {
		if c.sum && c.crc != part.CRC32C {
			return 0, fmt.Errorf("%w: part %s has checksum %08x, want %08x", ErrCorrupt, part.ID, c.crc, part.CRC32C)
		}
		c.pos += int64(n)
		return n, c.shut()
	}
	c.pos += int64(n)
	if err == io.EOF {
		err = fmt.Errorf("%w: part %s ends %d bytes early", ErrCorrupt, part.ID, left)
	}
	return n, err
}

func (c *content) openAt(pos int64) error {
	// The first Part that ends behind pos; none is empty but that of an empty File.
	c.part = sort.Search(len(c.parts), func(i int) bool { return c.parts[i].Offset+c.parts[i].Bytes > pos })
	part := &c.parts[c.part]
	off := pos - part.Offset
	r, err := c.blobs.Open(c.ctx, part.ID, off, part.Bytes-off)
	if err != nil {
		return fmt.Errorf("part %s: %w", part.ID, err)
	}
	c.open, c.crc, c.sum = r, 0, off == 0
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

// verifySizes holds the blobs' sizes against the records.
func (c *content) verifySizes() error {
	if c.size != c.file.Bytes || len(c.parts) != c.file.Parts {
		return fmt.Errorf("%w: file %s has %d parts of %d bytes in all, want %d of %d",
			ErrCorrupt, c.file.ID, len(c.parts), c.size, c.file.Parts, c.file.Bytes)
	}
	for i := range c.parts {
		p := &c.parts[i]
		n, err := c.blobs.Size(c.ctx, p.ID)
		if err != nil {
			return fmt.Errorf("part %s: %w", p.ID, err)
		}
		if n != p.Bytes {
			return fmt.Errorf("%w: part %s is stored with %d bytes, want %d", ErrCorrupt, p.ID, n, p.Bytes)
		}
	}
	return nil
}
