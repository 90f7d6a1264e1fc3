// Package formdata reads multipart/form-data bodies (RFC 7578, RFC 2046) as they
// arrive: in one pass, in large pieces, strictly, and in little memory.
//
// It differs from mime/multipart in what a store of bytes must not do without: a
// form counts as read only when its closing boundary and the end of the body
// have been seen; no transfer encoding is ever decoded; and a field is read
// straight into the caller's buffer, however large, with no copy between.
package formdata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"strings"
)

// Errors, wrapped with what was wrong and where. An error of the body itself is
// returned wrapped, and is neither.
var (
	// ErrMalformed is a body that is not a form of the announced boundary.
	ErrMalformed = errors.New("malformed form")
	// ErrTooLarge is a form with too much around its fields.
	ErrTooLarge = errors.New("form too large")
)

const (
	// maxAround bounds the preamble, the epilogue and each field's headers, in bytes.
	maxAround = 16 << 10
	// maxHeaders bounds the header lines of a field.
	maxHeaders = 64
	// maxPadding bounds the blanks that may follow a boundary on its line.
	maxPadding = 256
	// maxEmptyReads is how often in a row a body may give nothing, and no error.
	maxEmptyReads = 100
)

// Boundary returns the boundary of a Content-Type of multipart/form-data.
func Boundary(contentType string) (string, error) {
	if contentType == "" {
		return "", errors.New("there is no Content-Type")
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", fmt.Errorf("the Content-Type '%.100s' is malformed", contentType)
	}
	if media != "multipart/form-data" {
		return "", fmt.Errorf("the Content-Type is '%.100s'", media)
	}
	boundary, ok := params["boundary"]
	switch {
	case !ok:
		return "", errors.New("the Content-Type has no boundary")
	case boundary == "" || len(boundary) > 70:
		return "", fmt.Errorf("the boundary has %d characters, and must have 1 to 70", len(boundary))
	case strings.ContainsFunc(boundary, notBoundary) || strings.HasSuffix(boundary, " "):
		return "", errors.New("the boundary has characters that RFC 2046 does not allow")
	}
	return boundary, nil
}

// notBoundary reports what is not a bchar of RFC 2046.
func notBoundary(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("'()+_,-./:=? ", r)
}

// Reader reads a form. It is not safe for concurrent use.
type Reader struct {
	body  io.Reader
	delim []byte // CRLF, two dashes, the boundary
	buf   []byte // buf[r:w] has been read from body and not been given out
	r, w  int
	taken int64 // bytes read from body
	eof   bool  // body has ended
	err   error // the first error, returned for ever; io.EOF once all is read
	field *Field
}

// NewReader returns a Reader of the form in body.
func NewReader(body io.Reader, boundary string) *Reader {
	r := &Reader{body: body, delim: []byte("\r\n--" + boundary), buf: make([]byte, 4<<10)}
	// The first boundary has no line before it. One put there makes it like the others.
	r.w = copy(r.buf, "\r\n")
	return r
}

// Field is one field of a form.
type Field struct {
	// Name is the field's name, with the %22, %0D and %0A of the WHATWG form
	// encoding decoded, as in Filename.
	Name string
	// Filename is the last element of the file's name, "" without one.
	Filename string
	// Header has all headers of the field.
	Header textproto.MIMEHeader

	reader *Reader
	ended  bool // its delimiter has been consumed
}

// Next goes on to the next field, past what was not read of the one before. It
// returns io.EOF only when the closing boundary and the end of the body have
// been seen.
func (r *Reader) Next() (*Field, error) {
	if r.err != nil {
		return nil, r.err
	}
	f, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	r.field = f
	return f, nil
}

func (r *Reader) next() (*Field, error) {
	if r.field == nil {
		if err := r.preamble(); err != nil {
			return nil, err
		}
	} else if err := r.field.discard(); err != nil {
		return nil, err
	}
	closing, err := r.boundaryLine()
	if err != nil {
		return nil, err
	}
	if closing {
		return nil, r.epilogue()
	}
	return r.header()
}

// malformed says what was expected. Where the body has ended, that is the reason.
func (r *Reader) malformed(format string, args ...any) error {
	if r.eof {
		return fmt.Errorf("%w: it ends before its closing boundary '%s--' (%w)", ErrMalformed, r.delim[2:], io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// preamble passes over what precedes the first boundary. Its lines too end in
// CRLF: others take a line feed alone for the end of one, and might see a
// boundary where this sees none.
func (r *Reader) preamble() error {
	last := byte(0)
	for passed := 0; ; {
		at, found := r.find(r.buf[r.r:r.w])
		for _, b := range r.buf[r.r : r.r+at] {
			if b == '\n' && last != '\r' {
				return fmt.Errorf("%w: a line before the first boundary does not end in CRLF", ErrMalformed)
			}
			last = b
		}
		r.r += at
		if passed += at; passed > maxAround {
			return fmt.Errorf("%w: the boundary '%s' is not within the first %d bytes", ErrTooLarge, r.delim[2:], maxAround)
		}
		if found {
			r.r += len(r.delim)
			return nil
		}
		if more, err := r.more(); err != nil {
			return err
		} else if !more {
			return r.malformed("")
		}
	}
}

// boundaryLine reads the rest of a boundary's line and says whether it closes
// the form.
func (r *Reader) boundaryLine() (closing bool, err error) {
	if closing, err = r.have("--"); err != nil {
		return false, err
	}
	if closing {
		r.r += 2
	}
	for padding := 0; ; padding++ {
		blank := false
		for _, b := range []string{" ", "\t"} {
			if blank, err = r.have(b); blank || err != nil {
				break
			}
		}
		if err != nil {
			return false, err
		}
		if !blank {
			break
		}
		if r.r++; padding == maxPadding {
			return false, fmt.Errorf("%w: more than %d blanks follow a boundary", ErrTooLarge, maxPadding)
		}
	}
	if closing && r.r == r.w && r.eof {
		return true, nil
	}
	line, err := r.have("\r\n")
	if err != nil {
		return false, err
	}
	if !line {
		return false, r.malformed("a boundary is not followed by the end of its line")
	}
	r.r += 2
	return closing, nil
}

// epilogue passes over what follows the closing boundary and returns io.EOF.
func (r *Reader) epilogue() error {
	for passed := 0; ; {
		passed += r.w - r.r
		r.r = r.w
		if passed > maxAround {
			return fmt.Errorf("%w: more than %d bytes follow the closing boundary", ErrTooLarge, maxAround)
		}
		if more, err := r.more(); err != nil {
			return err
		} else if !more {
			return io.EOF
		}
	}
}

// header reads a field's headers.
func (r *Reader) header() (*Field, error) {
	end := -1
	for from := 0; end < 0; {
		unread := r.buf[r.r:r.w]
		if bytes.HasPrefix(unread, []byte("\r\n")) {
			return nil, r.malformed("a field has no headers")
		}
		if i := bytes.Index(unread[from:], []byte("\r\n\r\n")); i >= 0 {
			end = from + i + 4
		}
		if end > maxAround || end < 0 && len(unread) > maxAround {
			return nil, fmt.Errorf("%w: the headers of a field are larger than %d bytes", ErrTooLarge, maxAround)
		}
		if end < 0 {
			from = max(0, len(unread)-3)
			if more, err := r.more(); err != nil {
				return nil, err
			} else if !more {
				return nil, r.malformed("")
			}
		}
	}
	block := r.buf[r.r : r.r+end]
	r.r += end
	f, err := parseHeader(block)
	if err != nil {
		return nil, err
	}
	f.reader = r
	// A field without a byte may end with the blank line of its headers: the
	// delimiter's own line break is then that one.
	if f.ended, err = r.startsWithBoundary(); err != nil {
		return nil, err
	}
	if f.ended {
		r.r += len(r.delim) - 2
	}
	return f, nil
}

// startsWithBoundary says whether what follows is the boundary without the line
// break before it.
func (r *Reader) startsWithBoundary() (bool, error) {
	starts, err := r.have(string(r.delim[2:]))
	if err != nil || !starts {
		return false, err
	}
	for {
		switch r.after(r.buf[r.r+len(r.delim)-2 : r.w]) {
		case isDelimiter:
			return true, nil
		case isData:
			return false, nil
		}
		if more, err := r.more(); err != nil {
			return false, err
		} else if !more {
			return false, r.malformed("")
		}
	}
}

// have says whether want comes next, and reads as much as it takes to know.
func (r *Reader) have(want string) (bool, error) {
	for {
		unread := r.buf[r.r:r.w]
		if len(unread) >= len(want) {
			return string(unread[:len(want)]) == want, nil
		}
		if string(unread) != want[:len(unread)] {
			return false, nil
		}
		if more, err := r.more(); err != nil || !more {
			return false, err
		}
	}
}

// more reads more of the body into the buffer. It returns false at its end.
func (r *Reader) more() (bool, error) {
	if r.eof {
		return false, nil
	}
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	if r.w == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.read(r.buf[r.w:])
	r.w += n
	return n > 0, err
}

// read reads the body. At its end it returns 0 and no error, and r.eof is set.
func (r *Reader) read(p []byte) (int, error) {
	for range maxEmptyReads {
		n, err := r.body.Read(p)
		r.taken += int64(n)
		if err == io.EOF {
			r.eof = true
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("reading the form: %w", err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("reading the form: %w", io.ErrNoProgress)
}
