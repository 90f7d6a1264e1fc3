package formdata

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"regexp"
	"strings"
)

// Read reads the bytes of the field as they were sent. It returns io.EOF when
// the boundary that ends the field has been seen. It may be called until the
// next call of Reader.Next.
func (f *Field) Read(p []byte) (int, error) {
	if f.ended {
		return 0, io.EOF
	}
	r := f.reader
	if r.err != nil {
		return 0, r.err
	}
	if r.field != f {
		return 0, fmt.Errorf("%w: read after the next field was asked for", io.ErrClosedPipe)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (f *Field) read(p []byte) (int, error) {
	r := f.reader
	for {
		unread := r.buf[r.r:r.w]
		at, found := r.find(unread)
		if at > 0 {
			n := copy(p, unread[:at])
			r.r += n
			return n, nil
		}
		if found {
			r.r += len(r.delim)
			f.ended = true
			return 0, io.EOF
		}
		// What is left, if anything, is the beginning of what may be a boundary.
		if len(p) > len(unread)+minDirect {
			n, err := f.direct(p)
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		if more, err := r.more(); err != nil {
			return 0, err
		} else if !more {
			return 0, r.malformed("")
		}
	}
}

// AtMost returns how many bytes of the field can still come in a form whose body has
// length bytes: all that is left, but for the closing boundary.
func (f *Field) AtMost(length int64) int64 {
	if f.ended {
		return 0
	}
	r := f.reader
	left := length - r.taken + int64(r.w-r.r)
	return max(left-int64(len(r.delim)+len("--")), 0)
}

// minDirect is the least room for which reading past the buffer is worth it.
const minDirect = 1 << 10

// direct reads the body into p itself. Of what it has read it gives back to the
// buffer whatever is, or may become, a boundary and all behind it. It may return
// 0 and no error.
func (f *Field) direct(p []byte) (int, error) {
	r := f.reader
	held := copy(p, r.buf[r.r:r.w])
	n, err := r.read(p[held:])
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, r.malformed("")
	}
	got := p[:held+n]
	at, _ := r.find(got)
	if rest := got[at:]; len(rest) > len(r.buf) {
		r.buf = bytes.Clone(rest)
		r.r, r.w = 0, len(rest)
	} else {
		r.r, r.w = 0, copy(r.buf, rest)
	}
	return at, nil
}

// discard passes over the rest of the field.
func (f *Field) discard() error {
	r := f.reader
	for !f.ended {
		at, found := r.find(r.buf[r.r:r.w])
		r.r += at
		if found {
			r.r += len(r.delim)
			f.ended = true
			return nil
		}
		if more, err := r.more(); err != nil {
			return err
		} else if !more {
			return r.malformed("")
		}
	}
	return nil
}

// lineDashes begins every delimiter. It is what is searched for: four bytes are
// found faster than seventy, and are as rare in data.
var lineDashes = []byte("\r\n--")

// find returns where in data a delimiter begins, and true. If there is none, it
// returns false and where the last bytes begin that may yet become one, or the
// length of data.
func (r *Reader) find(data []byte) (at int, found bool) {
	for at < len(data) {
		i := bytes.Index(data[at:], lineDashes)
		if i < 0 {
			break
		}
		at += i
		rest := data[at:]
		if len(rest) < len(r.delim) {
			if bytes.HasPrefix(r.delim, rest) {
				return at, false
			}
		} else if bytes.HasPrefix(rest, r.delim) {
			switch r.after(rest[len(r.delim):]) {
			case isDelimiter:
				return at, true
			case isUndecided:
				return at, false
			}
		}
		at++
	}
	// The beginning of lineDashes may stand at the end.
	for n := min(len(lineDashes)-1, len(data)); n > 0; n-- {
		if bytes.HasSuffix(data, lineDashes[:n]) {
			return len(data) - n, false
		}
	}
	return len(data), false
}

type verdict int

const (
	isData verdict = iota
	isDelimiter
	isUndecided
)

// after judges by what follows it whether a boundary is one, or data that begins
// like it: a boundary may be the beginning of another word. mime/multipart
// judges the same.
func (r *Reader) after(rest []byte) verdict {
	switch {
	case len(rest) == 0:
		return isUndecided
	case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
		return isDelimiter
	case rest[0] != '-':
		return isData
	case len(rest) == 1:
		return isUndecided
	case rest[1] == '-':
		return isDelimiter
	}
	return isData
}

// quotedText is a quoted-string of RFC 2045.
var quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// parseHeader makes a Field of its headers, which end in an empty line.
func parseHeader(block []byte) (*Field, error) {
	if lines := bytes.Count(block, []byte("\n")); lines != bytes.Count(block, []byte("\r\n")) {
		return nil, fmt.Errorf("%w: a line of a field's headers does not end in CRLF", ErrMalformed)
	} else if lines > maxHeaders+1 {
		return nil, fmt.Errorf("%w: a field has more than %d headers", ErrTooLarge, maxHeaders)
	}
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(block))).ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("%w: the headers of a field: %w", ErrMalformed, err)
	}
	disposition := h.Values("Content-Disposition")
	if len(disposition) != 1 {
		return nil, fmt.Errorf("%w: a field has %d Content-Disposition headers, and must have one", ErrMalformed, len(disposition))
	}
	kind, params, err := mime.ParseMediaType(disposition[0])
	name, named := params["name"]
	if err != nil || kind != "form-data" || !named {
		return nil, fmt.Errorf("%w: the Content-Disposition '%.100s' is not form-data with a name", ErrMalformed, disposition[0])
	}
	filename := params["filename"]
	if !strings.Contains(quotedText.ReplaceAllString(disposition[0], ""), "*=") { // what is of that form has been decoded
		name, filename = unescape(name), unescape(filename)
	}
	filename = filename[strings.LastIndexAny(filename, `/\`)+1:]
	return &Field{Name: name, Filename: filename, Header: h}, nil
}

// unescape decodes what browsers and SDKs put for the characters that would end
// a quoted name.
var unescape = strings.NewReplacer("%22", `"`, "%0D", "\r", "%0A", "\n").Replace
