package server

import "bytes"

// framing watches the head of a request go by for one thing that net/http does not
// tell: whether it gives two lengths of its body, a Content-Length and a
// Transfer-Encoding. A proxy in front may go by the other one. Requests that come
// before the answer to the one before may pass unwatched: oneRequest sees to these.
type framing struct {
	line           [len(codingHeader)]byte // the beginning of the line, in lower case
	n              int
	length, coding bool
	done           bool // the head has gone by
}

const (
	lengthHeader = "content-length:"
	codingHeader = "transfer-encoding:"
)

// watch takes what is read of the connection.
func (f *framing) watch(p []byte) {
	for _, b := range p {
		switch {
		case f.done:
			return
		case b == '\n':
			f.endLine()
		case b != '\r' && f.n < len(f.line):
			f.line[f.n] = b
			f.n++
		}
	}
}

func (f *framing) endLine() {
	line := bytes.ToLower(f.line[:f.n])
	f.done = len(line) == 0
	f.length = f.length || bytes.HasPrefix(line, []byte(lengthHeader))
	f.coding = f.coding || bytes.HasPrefix(line, []byte(codingHeader))
	f.n = 0
}

// twofold says whether the head gave two lengths.
func (f *framing) twofold() bool { return f.length && f.coding }
