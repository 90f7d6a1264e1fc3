package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"uploadd/api"
)

// AddPart streams data as the only field of a form. The length is announced
// when data tells it (Len, or Seek to its end and back), else the body is
// chunked. The server is asked first (Expect: 100-continue), so that nothing
// is read when it cannot take the Part, if it answers within a second.
//
// An error of data aborts the request and is returned as it is. Once AddPart
// has returned, data is not read any more; only a Read that blocks for longer
// than a second after the request is over is left behind. Data that tells its
// length and is an io.ReaderAt as well, such as an io.SectionReader, is taken
// not to block, and costs less to send.
func (c *Client) AddPart(ctx context.Context, uploadID string, data io.Reader) (*api.Part, error) {
	path, err := idPath("/uploads/", uploadID, "/parts")
	if err != nil {
		return nil, err
	}
	return sendForm[api.Part](ctx, c, path, nil, "data", "part", data)
}

// CreateFile streams data like AddPart. The fields of a form's file come
// before its bytes, so here describe is called first, before data is read.
func (c *Client) CreateFile(ctx context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	req, err := describe()
	if err != nil {
		return nil, err
	}
	fields := [][2]string{{"purpose", req.Purpose}}
	if e := req.ExpiresAfter; e != nil {
		fields = append(fields,
			[2]string{"expires_after[anchor]", e.Anchor},
			[2]string{"expires_after[seconds]", strconv.FormatInt(e.Seconds, 10)})
	}
	return sendForm[api.File](ctx, c, "/files", fields, "file", req.Filename, data)
}

// sendForm posts a form of fields and, at its end, data as the file name.
func sendForm[RESP any](ctx context.Context, c *Client, path string, fields [][2]string, field, name string, data io.Reader) (*RESP, error) {
	head, tail, contentType, err := frame(fields, field, name)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	size, err := remaining(data)
	if err != nil {
		return nil, err
	}
	src := newSource(ctx, data, size)
	req, err := c.request(ctx, http.MethodPost, path, nil,
		io.MultiReader(bytes.NewReader(head), src, bytes.NewReader(tail)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Expect", "100-continue")
	req.ContentLength = -1
	if size >= 0 {
		req.ContentLength = int64(len(head)) + size + int64(len(tail))
	}
	resp, err := c.send(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	// The transport may still be sending when an answer came early.
	whole, dataErr := src.detach()
	switch {
	case dataErr != nil:
		// Whatever the transport or the server made of it, this is the cause.
		return nil, dataErr
	case err != nil:
		return nil, err
	case !whole:
		return nil, fmt.Errorf("client: the server answered %s before it was sent all of the data", resp.Status)
	}
	return decode[RESP](c, resp)
}

// frame makes what surrounds the data in a form.
func frame(fields [][2]string, field, name string) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, nil, "", err
		}
	}
	_, err = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="` + field + `"; filename="` + filenameEscaper.Replace(name) + `"`},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return nil, nil, "", err
	}
	head = bytes.Clone(b.Bytes())
	b.Reset()
	if err := w.Close(); err != nil {
		return nil, nil, "", err
	}
	return head, b.Bytes(), w.FormDataContentType(), nil
}

// filenameEscaper is the WHATWG's rule, which browsers and the SDKs follow:
// raw UTF-8, and only what would end the value or the line is escaped.
var filenameEscaper = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")

// remaining is how many bytes data holds, -1 if it does not tell. 0 is taken
// for not telling: devices and the files of /proc have that size.
func remaining(data io.Reader) (int64, error) {
	if f, ok := data.(*os.File); ok {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return -1, nil // a terminal or a pipe; the Read tells what is wrong with it
		}
	}
	if d, ok := data.(interface{ Len() int }); ok {
		return orUnknown(int64(d.Len())), nil
	}
	d, ok := data.(io.Seeker)
	if !ok {
		return -1, nil
	}
	at, err := d.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1, nil // it cannot seek after all, and did not move
	}
	end, err := d.Seek(0, io.SeekEnd)
	if _, back := d.Seek(at, io.SeekStart); back != nil {
		return -1, fmt.Errorf("client: seeking back to the start of the data: %w", back)
	}
	if err != nil {
		return -1, nil
	}
	return orUnknown(end - at), nil
}

func orUnknown(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return n
}

var (
	errDetached = errors.New("client: the request is over")
	errShorter  = fmt.Errorf("client: the data is shorter than it was said to be: %w", io.ErrUnexpectedEOF)
	errLonger   = errors.New("client: the data is longer than it was said to be")
)

// source is the caller's reader, as the transport sees it. The transport reads
// it from a goroutine of its own, even for a while after it has returned, and
// (over HTTP/1) does not return before such a Read does, whatever the context
// says. So each Read is made in one more goroutine, which can be left behind
// with a buffer that nobody else has. Not so with bytes that can be read at any
// place: they are there, and nobody has to be waited for.
type source struct {
	ctx  context.Context
	done chan struct{} // closed by detach
	turn chan struct{} // holds a token while a Read is going on, or detach looks
	read chan readResult
	buf  []byte // nil: a Read does not block

	// Only for the one whose turn it is.
	r     io.Reader
	left  int64 // -1: not known
	whole bool  // r ended with io.EOF
	err   error // what r ended with instead
}

type readResult struct {
	n   int
	err error
}

func newSource(ctx context.Context, r io.Reader, size int64) *source {
	s := &source{
		ctx: ctx, r: r, left: size,
		done: make(chan struct{}),
		turn: make(chan struct{}, 1),
		read: make(chan readResult, 1),
	}
	if _, there := r.(io.ReaderAt); !there || size < 0 {
		s.buf = make([]byte, 32<<10) // what the transport asks for at once
	}
	return s
}

func (s *source) Read(p []byte) (int, error) {
	select {
	case s.turn <- struct{}{}:
	default:
		return 0, errDetached // a Read was left behind, so it is over
	}
	select {
	case <-s.done:
		<-s.turn
		return 0, errDetached
	case <-s.ctx.Done():
		<-s.turn
		return 0, context.Cause(s.ctx)
	default:
	}
	if s.buf == nil {
		defer func() { <-s.turn }()
		return s.next(p)
	}
	go func() {
		n, err := s.next(s.buf[:min(len(p), len(s.buf))])
		<-s.turn // first, so that the Read after this one need not wait
		s.read <- readResult{n, err}
	}()
	select {
	case got := <-s.read:
		return copy(p, s.buf[:got.n]), got.err
	case <-s.done:
		return 0, errDetached
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

// next reads once and notes how it went.
func (s *source) next(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left >= 0 {
		if int64(n) > s.left {
			// What was announced is wrong, and the form is not to look whole.
			n, err = 0, errLonger
		}
		s.left -= int64(n)
	}
	if err == io.EOF && s.left > 0 {
		err = errShorter
	}
	switch {
	case err == io.EOF:
		s.whole = true
	case err != nil:
		s.err = err
	}
	return n, err
}

// detach ends the reading and tells how far it came. It waits for a Read that
// is going on, so that the caller has its reader back for itself, but not
// forever: that of a pipe may never end.
func (s *source) detach() (whole bool, err error) {
	const patience = time.Second
	close(s.done)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return s.whole, s.err
	case <-time.After(patience):
		return false, nil
	}
}
