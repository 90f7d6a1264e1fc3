package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"

	"uploadd/api"
)

// content is an api.Content that asks an SDK for the bytes from an offset on.
type content struct {
	file  *api.File
	fetch func(offset int64) ([]byte, http.Header, error)

	pos  int64
	from int64  // where data begins
	data []byte // nil: to be fetched at pos
	sum  uint32
	has  bool
}

func (c *content) File() *api.File        { return c.file }
func (c *content) CRC32C() (uint32, bool) { return c.sum, c.has }
func (c *content) Close() error           { return nil }

func (c *content) Read(p []byte) (int, error) {
	if c.pos >= c.file.Bytes && c.file.Bytes > 0 {
		return 0, io.EOF
	}
	if c.data == nil {
		data, header, err := c.fetch(c.pos)
		if err != nil {
			return 0, err
		}
		c.from, c.data = c.pos, append([]byte{}, data...)
		digest, ok := strings.CutPrefix(header.Get("Repr-Digest"), "crc32c=:")
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(digest, ":")); ok && err == nil && len(raw) == 4 {
			c.sum, c.has = binary.BigEndian.Uint32(raw), true
		}
	}
	n, err := bytes.NewReader(c.data[c.pos-c.from:]).Read(p)
	c.pos += int64(n)
	return n, err
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.pos
	case io.SeekEnd:
		offset += c.file.Bytes
	}
	if offset != c.pos {
		c.pos, c.data = offset, nil // so that every seek is a range of its own
	}
	return offset, nil
}
