package client

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"uploadd/api"
)

// OpenFile asks for the description of a File. Its bytes are asked for by the
// first Read, and again, with a Range, by the first Read after a Seek to
// another place. So a server that refuses the bytes does so at a Read. ctx
// covers all of these requests, until Close.
//
// CRC32C is known from the first Read on, if the server sends it
// (Repr-Digest, an extension). Reading from the start to the end then checks
// it. A Read that failed because the connection broke may be repeated.
func (c *Client) OpenFile(ctx context.Context, id string) (api.Content, error) {
	file, err := c.GetFile(ctx, id)
	if err != nil {
		return nil, err
	}
	path, err := idPath("/files/", id, "/content")
	if err != nil {
		return nil, err
	}
	f := &content{ctx: ctx, c: c, path: path, file: file, end: file.Bytes}
	f.crcKnown = file.Bytes == 0 // that of nothing is 0
	return f, nil
}

// ErrNoRanges is that the server sends a File only as a whole.
var ErrNoRanges = errors.New("client: the server knows no ranges")

// Range is some of the bytes of a File. A Read ends with io.EOF behind the last
// of them, and with another error if the body ends anywhere else.
type Range struct {
	io.ReadCloser
	// ETag tells one content from another; "" where the server does not.
	ETag string
	// CRC32C is that of the whole File, if CRCKnown.
	CRC32C   uint32
	CRCKnown bool
}

// OpenRange asks for the bytes of file from one offset up to another, by one
// request that ctx covers until Close. file is what GetFile returned.
//
// Errors: those of OpenFile; [ErrNoRanges], unless it is the whole File that is
// asked for.
func (c *Client) OpenRange(ctx context.Context, file *api.File, from, to int64) (*Range, error) {
	if from < 0 || from >= to || to > file.Bytes {
		return nil, fmt.Errorf("client: file %s has no bytes %d to %d", file.ID, from, to)
	}
	path, err := idPath("/files/", file.ID, "/content")
	if err != nil {
		return nil, err
	}
	f := &content{ctx: ctx, c: c, path: path, file: file, off: from, end: to}
	if err := f.open(); err != nil {
		return nil, f.fail(err)
	}
	return &Range{f, f.etag, f.crc, f.crcKnown}, nil
}

var errChanged = errors.New("the server sends other content than before")

// content reads a File through one body at a time.
type content struct {
	ctx  context.Context // of OpenFile: Read has none
	c    *Client
	path string
	file *api.File
	end  int64 // where reading ends: the size of file, or less for a range

	off    int64 // of the next Read
	closed bool
	body   io.ReadCloser // nil: none is open
	at     int64         // offset of the next byte of body

	// What tells one content from another, from the first body on.
	etag     string
	crc      uint32
	crcKnown bool

	sum    uint32 // of the first summed bytes, as they were received
	summed int64
}

func (f *content) File() *api.File { return f.file }

func (f *content) CRC32C() (sum uint32, known bool) { return f.crc, f.crcKnown }

// Seek sends nothing. It also leaves the body open: io.Seeker's users look for
// the size by seeking to the end and back.
func (f *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.off
	case io.SeekEnd:
		offset += f.file.Bytes
	default:
		return 0, fmt.Errorf("client: seek: whence %d is not valid", whence)
	}
	if f.closed {
		return 0, fs.ErrClosed
	}
	if offset < 0 {
		return 0, errors.New("client: seek: the offset is negative")
	}
	f.off = offset
	return offset, nil
}

func (f *content) Close() error {
	f.closed = true
	f.drop()
	return nil
}

func (f *content) drop() {
	if f.body != nil {
		f.body.Close() // nothing is lost by its error: all that was read is checked
		f.body = nil
	}
}

func (f *content) Read(p []byte) (int, error) {
	switch {
	case f.closed:
		return 0, fs.ErrClosed
	case f.off >= f.end:
		return 0, f.finish()
	case len(p) == 0:
		return 0, nil
	}
	if f.body == nil || f.at != f.off {
		f.drop()
		if err := f.open(); err != nil {
			return 0, f.fail(err)
		}
	}
	n, err := f.body.Read(p[:min(int64(len(p)), f.end-f.off)])
	f.add(p[:n])
	if err == nil || err == io.EOF && f.off == f.end {
		return n, nil // the Read after this one looks at the end
	}
	return n, f.broken(err)
}

// add counts bytes that were received.
func (f *content) add(p []byte) {
	if f.off == 0 {
		f.sum, f.summed = 0, 0
	}
	if f.off == f.summed {
		f.sum = crc32.Update(f.sum, castagnoli, p)
		f.summed += int64(len(p))
	}
	f.off += int64(len(p))
	f.at = f.off
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// finish is what a Read at the end returns: io.EOF only when the body ended
// there too, and what was received is what the server says it has stored.
func (f *content) finish() error {
	if f.body != nil && f.at == f.end {
		n, err := io.ReadFull(f.body, make([]byte, 1))
		if n > 0 {
			err = f.fail(errors.New("more bytes than the File has, or than were asked for"))
		} else if err != io.EOF {
			err = f.broken(err)
		}
		f.drop()
		if err != io.EOF {
			return err
		}
	}
	if f.crcKnown && f.summed == f.file.Bytes && f.sum != f.crc {
		return f.fail(fmt.Errorf("the bytes received have the CRC32C %08x, the File has %08x", f.sum, f.crc))
	}
	return io.EOF
}

func (f *content) fail(err error) error {
	f.drop()
	return fmt.Errorf("client: file %s: %w", f.file.ID, err)
}

// broken is fail for a body that ended where it should not.
func (f *content) broken(err error) error {
	return f.fail(fmt.Errorf("broke off at byte %d of %d: %w", f.off, f.end, cut(err)))
}

// cut makes the error of a body io.ErrUnexpectedEOF, whatever way it broke,
// unless the caller gave up.
func cut(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
}

// open asks for the bytes from f.off on.
func (f *content) open() error {
	req, err := f.c.request(f.ctx, http.MethodGet, f.path, nil, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/octet-stream")
	// Else the transport asks for gzip, and length and ranges are those of that.
	req.Header.Set("Accept-Encoding", "identity")
	part := f.end < f.file.Bytes
	if part || f.off > 0 {
		last := "" // as some servers know no other
		if part {
			last = fmt.Sprint(f.end - 1)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", f.off, last))
		if f.etag != "" && !strings.HasPrefix(f.etag, "W/") {
			req.Header.Set("If-Range", f.etag)
		}
	}
	resp, err := f.c.send(req)
	if err != nil {
		return err
	}
	err = f.check(resp)
	switch whole := resp.StatusCode == http.StatusOK; {
	case err != nil || !whole:
	case part:
		err = ErrNoRanges
	case f.off > 0:
		// The server knows no ranges. Slow, but right.
		if _, err = io.CopyN(io.Discard, resp.Body, f.off); err != nil {
			err = cut(err)
		}
	}
	if err != nil {
		resp.Body.Close()
		return err
	}
	f.body, f.at = resp.Body, f.off
	return nil
}

// check refuses an answer whose body is not that of this File from f.off on up
// to f.end, or of the same content as the body before.
func (f *content) check(resp *http.Response) error {
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return fmt.Errorf("the server sends the bytes encoded as %q", e)
	}
	length := f.file.Bytes
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		length = f.end - f.off
		got := resp.Header.Get("Content-Range")
		want := fmt.Sprintf("bytes %d-%d/", f.off, f.end-1)
		if got != fmt.Sprint(want, f.file.Bytes) && got != want+"*" {
			return fmt.Errorf("asked for %s%d, the server sends %q", want, f.file.Bytes, got)
		}
	default:
		return fmt.Errorf("the server answers with status %d", resp.StatusCode)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != length {
		return fmt.Errorf("the server sends %d bytes instead of %d", resp.ContentLength, length)
	}
	// A 206 to a request with If-Range has said that it is the same.
	etag := resp.Header.Get("ETag")
	if f.etag != "" && etag != f.etag && (etag != "" || resp.StatusCode == http.StatusOK) {
		return fmt.Errorf("%w: its ETag was %s and is %q", errChanged, f.etag, etag)
	}
	if f.etag == "" {
		f.etag = etag
	}
	if sum, ok := reprDigest(resp.Header.Values("Repr-Digest")); ok {
		if f.crcKnown && sum != f.crc {
			return fmt.Errorf("%w: its CRC32C was %08x and is %08x", errChanged, f.crc, sum)
		}
		f.crc, f.crcKnown = sum, true
	}
	return nil
}

// reprDigest finds crc32c=:BASE64: in Repr-Digest (RFC 9530), a dictionary
// that may hold other digests too.
func reprDigest(values []string) (sum uint32, ok bool) {
	for member := range strings.SplitSeq(strings.Join(values, ","), ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(member), "crc32c=:")
		if !ok {
			continue
		}
		value, _, _ = strings.Cut(value, ":")
		if raw, err := base64.StdEncoding.DecodeString(value); err == nil && len(raw) == 4 {
			return binary.BigEndian.Uint32(raw), true
		}
	}
	return 0, false
}
