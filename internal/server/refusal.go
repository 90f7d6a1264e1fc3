package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"uploadd/api"
)

// Refusing returns a listener for a server of NewHTTPServer, whose clients get
// errors in the shape of the API for what net/http refuses before it asks a
// handler: a head that is malformed or too large, a version or a transfer coding
// that it does not know. By itself it sends a line of plain text. Under TLS it
// still does: what it writes passes here encrypted.
func Refusing(l net.Listener) net.Listener { return refusing{l} }

type refusing struct{ net.Listener }

func (l refusing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &refusingConn{TCPConn: tcp}, nil
	}
	return conn, err
}

// refusingConn replaces what is written on it while no exchange has begun: it
// can only be a refusal of net/http.
type refusingConn struct {
	*net.TCPConn
	answering atomic.Bool // an exchange has begun, and the connection is not idle yet
}

func (c *refusingConn) Write(p []byte) (int, error) {
	if c.answering.Load() {
		return c.TCPConn.Write(p)
	}
	answer, ok := inShape(p)
	if !ok {
		return c.TCPConn.Write(p)
	}
	if _, err := c.TCPConn.Write(answer); err != nil {
		return 0, err
	}
	return len(p), nil
}

// inShape makes an answer of this API of a plain one with an error's status. The
// connection ends with it.
func inShape(plain []byte) (answer []byte, ok bool) {
	head, text, ended := bytes.Cut(plain, []byte("\r\n\r\n"))
	code, isHTTP := bytes.CutPrefix(head, []byte("HTTP/1.1 "))
	if !isHTTP || !ended || len(code) < 3 {
		return nil, false
	}
	status, err := strconv.Atoi(string(code[:3]))
	if err != nil || status < 400 {
		return nil, false
	}
	reason := http.StatusText(status)
	if _, detail, ok := strings.Cut(string(text), ": "); ok {
		reason = detail
	}
	e := api.Errorf(&api.Error{Status: status}, "", "The request cannot be read: %s.", reason)
	body, err := json.Marshal(map[string]*api.Error{"error": e})
	if err != nil {
		return nil, false
	}
	h := http.Header{}
	setCommon(h, newRequestID())
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	h.Set("X-Should-Retry", "false")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	h.Write(&b) // to memory: it does not fail
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), true
}
