package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"uploadd/api"
)

// exchange is one request and its answer. As the ResponseWriter of the handlers
// it knows what was sent, and it keeps the deadlines: there is none for the
// whole, which would cut an honest slow transfer, but one for each step.
type exchange struct {
	http.ResponseWriter
	request *http.Request
	control *http.ResponseController
	body    *body

	id     string
	caller Caller // zero until it is known
	start  time.Time
	// twofold says that the request gives two lengths of its body.
	twofold bool
	status  int // 0 until the header is sent
	sent    int64
	err     error // what the handler failed with, for the log
	// brokenOff is why the answer could not be sent whole.
	brokenOff error
	observed  func(Outcome) // nil if nobody observes
}

const (
	// stepTimeout is how long a client may take to send or take anything at all.
	stepTimeout = 60 * time.Second
	// A body must come in at rateFloor bytes in every ratePeriod.
	ratePeriod = 30 * time.Second
	rateFloor  = 30 << 10
)

// noStore keeps answers, which are for one key, out of shared and local caches.
const noStore = "private, no-store"

// begin starts an exchange and sets the headers that every answer has.
func (s *server) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{
		ResponseWriter: w,
		control:        http.NewResponseController(w),
		id:             newRequestID(),
		start:          time.Now(),
	}
	client, counted := r.Context().Value(peerKey{}).(*peer)
	if !counted {
		client = new(peer)
	}
	x.twofold = client.answer()
	x.body = &body{ReadCloser: r.Body, control: x.control, peer: client, done: r.Body == http.NoBody}
	ctx := r.Context()
	if s.Observe != nil {
		ctx, x.observed = s.Observe(r)
	}
	x.request = r.WithContext(ctx)
	x.request.Body = x.body
	setCommon(w.Header(), x.id)
	if oneRequest(r) {
		w.Header().Set("Connection", "close")
	}
	return x
}

func newRequestID() string {
	var id [16]byte
	rand.Read(id[:])
	return "req_" + hex.EncodeToString(id[:])
}

// setCommon sets the headers that every answer has.
func setCommon(h http.Header, requestID string) {
	h.Set("X-Request-Id", requestID)
	h.Set("Openai-Version", "2020-10-01")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", noStore)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox") // no answer is a page
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// oneRequest says whether the connection must end with this request. A proxy in
// front may have taken another length for its body than net/http, which does not
// tell: where there is a Transfer-Encoding it passes over the Content-Length, and
// in HTTP/1.0 the other way round. (framing finds most of these, but not all.) What follows may then be a part of the body
// that was put there to be answered as somebody else's request. RFC 9112, section
// 6.1, has the connection closed.
func oneRequest(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}

// end logs the exchange, after a panic too: that is an internal error of this
// request alone, and cuts the connection if an answer had begun.
func (s *server) end(x *exchange) {
	failure := recover()
	if x.body.admitted {
		defer x.body.peer.leave()
	}
	if failure != nil && failure != http.ErrAbortHandler {
		s.Log.Error("a handler panicked", "request_id", x.id, "panic", failure, "stack", string(debug.Stack()))
		if x.status == 0 {
			fail(x, x.request, errors.New("a handler panicked"))
			failure = nil
		}
	}
	if x.caller.Done != nil {
		x.caller.Done()
	}
	if x.observed != nil {
		x.observed(s.outcome(x, failure != nil))
	}
	level := slog.LevelInfo
	switch path := x.request.URL.Path; {
	case x.status >= 500 || failure != nil:
		level = slog.LevelError
	case path == "/healthz" || path == "/readyz": // which are asked every few seconds, for years
		level = slog.LevelDebug
	}
	attrs := []any{
		"request_id", x.id, "method", cut(x.request.Method), "path", shortened(x.request.URL), "status", x.status,
		"in", x.body.n, "out", x.sent, "ms", time.Since(x.start).Milliseconds(), "remote", x.request.RemoteAddr,
	}
	if x.caller.Project != "" {
		attrs = append(attrs, "project", x.caller.Project)
	}
	if x.caller.Key != "" {
		attrs = append(attrs, "key", x.caller.Key)
	}
	if x.err != nil {
		attrs = append(attrs, logged(x.err)...)
	}
	if x.brokenOff != nil {
		attrs = append(attrs, "broken_off", x.brokenOff.Error())
	}
	s.Log.Log(x.request.Context(), level, "request", attrs...)
	if failure != nil {
		panic(http.ErrAbortHandler)
	}
}

// logged is what the log gets of an error: not the values that a client sent, which
// the message to it quotes.
func logged(err error) (attrs []any) {
	var known *api.Error
	if !errors.As(err, &known) {
		return []any{"err", err.Error()}
	}
	attrs = []any{"err", known.Reason()}
	if known.Unwrap() != nil {
		attrs = append(attrs, "cause", known.Unwrap().Error())
	}
	return attrs
}

// shortened is a path for the log: as it is written in a URL, which leaves it
// without a character that could pass for something else, but with no more of it
// escaped than has to be, so that nothing is hidden; and not too long.
func shortened(u *url.URL) string {
	return cut((&url.URL{Path: u.Path}).EscapedPath())
}

func cut(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// Unwrap lets http.ResponseController through.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
		x.Header().Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(x.start).Milliseconds(), 10))
		x.arm()
	}
	x.ResponseWriter.WriteHeader(status)
}

// arm gives the client another stepTimeout to take what is written next.
func (x *exchange) arm() { setDeadline(x.control.SetWriteDeadline, stepTimeout) }

// Write sends p with a deadline for each piece of it.
func (x *exchange) Write(p []byte) (sent int, err error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	for {
		piece := p[sent:min(len(p), sent+writeSize)]
		x.arm()
		n, err := x.body.during(func() (int, error) { return x.ResponseWriter.Write(piece) })
		sent += n
		x.sent += int64(n)
		if err != nil {
			x.brokenOff = errors.Join(x.brokenOff, err)
			return sent, err
		}
		if sent == len(p) {
			return sent, nil
		}
	}
}

// largeBuffers are for downloads: net/http by itself copies 32 KiB at a time.
var largeBuffers = sync.Pool{New: func() any { b := make([]byte, writeSize); return &b }}

// writeSize is how much is sent at a time, in bytes.
const writeSize = 256 << 10

// ReadFrom sends all of r, with a deadline for each piece.
func (x *exchange) ReadFrom(r io.Reader) (int64, error) {
	buf := largeBuffers.Get().(*[]byte)
	defer largeBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{x}, struct{ io.Reader }{r}, *buf) // which would call ReadFrom again
}

// setDeadline moves a deadline on. A ResponseWriter without deadlines is one
// of a test; the connection of a server has them, which a test makes sure of.
func setDeadline(set func(time.Time) error, after time.Duration) {
	var at time.Time
	if after > 0 {
		at = time.Now().Add(after)
	}
	if err := set(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return // the connection is gone, as the next read or write will say
	}
}
