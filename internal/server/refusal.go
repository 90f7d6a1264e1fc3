package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
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
// that it does not know. By itself it sends a line of plain text. It is for a port
// without TLS, which would hide all of it.
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
	framing   framing      // of the request that is being read
	log       *slog.Logger // nil logs nothing
	answering atomic.Bool  // an exchange has begun, and the connection is not idle yet
}

func (c *refusingConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if !c.answering.Load() {
		c.framing.watch(p[:n])
	}
	return n, err
}

func (c *refusingConn) Write(p []byte) (int, error) {
	if c.answering.Load() {
		return c.TCPConn.Write(p)
	}
	status, reason, ok := refusalOf(p)
	if !ok {
		return c.TCPConn.Write(p)
	}
	id := newRequestID()
	if c.log != nil {
		c.log.Info("a request that cannot be read", "request_id", id, "status", status, "remote", c.RemoteAddr().String())
	}
	answer, err := inShape(status, reason, id)
	if err == nil {
		_, err = c.TCPConn.Write(answer)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// refusalOf reads an answer with an error's status, and what it says of the reason.
func refusalOf(plain []byte) (status int, reason string, ok bool) {
	head, text, ended := bytes.Cut(plain, []byte("\r\n\r\n"))
	code, isHTTP := bytes.CutPrefix(head, []byte("HTTP/1.1 "))
	if !isHTTP { // what speaks no TLS where it has to
		code, isHTTP = bytes.CutPrefix(head, []byte("HTTP/1.0 "))
	}
	if !isHTTP || !ended || len(code) < 3 {
		return 0, "", false
	}
	status, err := strconv.Atoi(string(code[:3]))
	if err != nil || status < 400 {
		return 0, "", false
	}
	if _, detail, ok := strings.Cut(string(text), ": "); ok {
		return status, detail, true
	}
	return status, http.StatusText(status), true
}

// inShape is an answer of this API. The connection ends with it.
func inShape(status int, reason, requestID string) ([]byte, error) {
	body, err := json.Marshal(map[string]*api.Error{
		"error": api.Errorf(&api.Error{Status: status}, "", "The request cannot be read: %s.", reason)})
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	setCommon(h, requestID)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	h.Set("X-Should-Retry", "false")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	h.Write(&b) // to memory: it does not fail
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}
