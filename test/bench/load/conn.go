package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Conn is a connection to a server, on which one request follows the other. Where a
// server closes it after an answer, the next request opens another one.
type Conn struct {
	conn    net.Conn
	address string
	closed  bool // by the last answer
	read    *bufio.Reader
	// reading is what a body is read into that nobody keeps.
	reading []byte
}

// Request is what is asked on a Conn.
type Request struct {
	Method, Path string
	Header       []string // whole lines, such as "Range: bytes=0-9"
	// The body is the Data between Before and After. Its length is sent with it.
	Before string
	Data   Data
	After  string
	// Pause, if not nil, is called when half of the body has been sent.
	Pause func()
	// Into is given the answer's body; nil keeps it in the Answer.
	Into io.Writer
}

// Answer is what was answered, with a status below 300.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // empty if the request had an Into
	Length int64  // of the body, in bytes
}

// Dial opens a connection to HOST:PORT.
func Dial(address string) (*Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, address: address, read: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends a request and reads its answer. A status of 300 and above is an error that
// says what the body says.
func (c *Conn) Do(r Request) (*Answer, error) {
	if c.closed {
		c.conn.Close()
		next, err := Dial(c.address)
		if err != nil {
			return nil, err
		}
		next.reading = c.reading
		*c = *next
	}
	err := c.send(r)
	// A server that refuses may close the connection: its answer says why.
	answer, refused := c.answer(r)
	if err == nil || answer != nil {
		err = refused
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
	}
	return answer, nil
}

func (c *Conn) send(r Request) error {
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Path, c.address)
	for _, line := range r.Header {
		head.WriteString(line + "\r\n")
	}
	if r.Method != http.MethodGet {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", int64(len(r.Before)+len(r.After))+r.Data.Size)
	}
	head.WriteString("\r\n" + r.Before)
	// What is small goes out in one write: each of them wakes the server up.
	if r.Data.Size <= 64<<10 && r.Pause == nil {
		r.Data.WriteTo(&head) // it does not fail
		_, err := io.WriteString(c.conn, head.String()+r.After)
		return err
	}
	if _, err := io.WriteString(c.conn, head.String()); err != nil {
		return err
	}
	half := r.Data.Size / 2
	if _, err := r.Data.write(c.conn, 0, half); err != nil {
		return err
	}
	if r.Pause != nil {
		r.Pause()
	}
	if _, err := r.Data.write(c.conn, half, r.Data.Size); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, r.After)
	return err
}

func (c *Conn) answer(r Request) (*Answer, error) {
	resp, err := http.ReadResponse(c.read, &http.Request{Method: r.Method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c.closed = resp.Close
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	if a.Status >= 300 || r.Into == nil {
		a.Body, err = io.ReadAll(resp.Body)
		a.Length = int64(len(a.Body))
	} else {
		if c.reading == nil {
			c.reading = make([]byte, 256<<10)
		}
		a.Length, err = io.CopyBuffer(struct{ io.Writer }{r.Into}, resp.Body, c.reading)
	}
	if err == nil && a.Status >= 300 {
		err = fmt.Errorf("status %d: %.300s", a.Status, a.Body)
	}
	return a, err
}
