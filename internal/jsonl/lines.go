// Package jsonl says whether a file of JSON lines has the shape that its purpose asks
// for, and if not, in which line. It reads a file once, from its beginning to its end,
// and holds one line of it.
package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// MaxLine is how long a line may be, in bytes and with its end: whoever reads the file
	// has to hold one, too.
	MaxLine = 16 << 20

	bufferSize = 256 << 10
)

// lines reads a file line by line.
type lines struct {
	r    *bufio.Reader
	long []byte // a line that the buffer does not hold
	n    int64  // the number of the last line, the first being 1
}

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	errTooLong    = fmt.Errorf("it is longer than %d MiB", MaxLine>>20)
)

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, bufferSize)} }

// next returns the next line that is not blank, until the next call. At the end it is
// io.EOF; a line that is too long is errTooLong; other errors are those of the file.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if l.n == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(bytes.Trim(line, " \t\r\n")) > 0 {
			return line, nil
		}
	}
}

// read returns the next line, of which the last need not end in a line feed.
func (l *lines) read() ([]byte, error) {
	l.long = l.long[:0]
	l.n++
	for {
		piece, err := l.r.ReadSlice('\n')
		if len(l.long)+len(piece) > MaxLine {
			return nil, errTooLong
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = append(l.long, piece...)
			continue
		case err == io.EOF && len(l.long)+len(piece) > 0, err == nil:
			if len(l.long) == 0 {
				return piece, nil
			}
			l.long = append(l.long, piece...)
			return l.long, nil
		}
		return nil, err
	}
}

// each has shape pass over each line, until it finds fault with one. fault is that, with
// the number of the line; err is an error of r.
func each(r io.Reader, shape func(n int64, s *scanner) error) (fault string, err error) {
	l, s := newLines(r), &scanner{}
	for any := false; ; any = true {
		line, err := l.next()
		switch {
		case err == io.EOF && !any:
			return "it has no lines", nil
		case err == io.EOF:
			return "", nil
		case errors.Is(err, errTooLong):
			return at(l.n, err), nil
		case err != nil:
			return "", err
		}
		*s = scanner{b: line}
		if err := shape(l.n, s); err != nil {
			return at(l.n, err), nil
		}
		if err := s.end(); err != nil {
			return at(l.n, err), nil
		}
	}
}

// at is what is wrong with a line. Without the name of a member it is the line itself.
func at(line int64, err error) string {
	fault := err.Error()
	if strings.HasPrefix(fault, " must be") {
		fault = "it" + fault
	}
	return fmt.Sprintf("line %d: %s", line, strings.TrimPrefix(fault, " "))
}
