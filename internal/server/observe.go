package server

import (
	"net/http"
	"strings"
	"time"
)

// Outcome is what became of a request, in words of which there are few: whatever a
// client sends, an observer that keeps something for each of them stays small.
type Outcome struct {
	// Route is a path as the API's reference writes it, "/uploads/{id}/parts", with or
	// without /v1 in the request; "page" for what the page consists of; "other" for
	// every path that is none of these.
	Route     string
	Method    string // "other" if no route has it
	Status    int    // 0 if the connection ended before there was an answer
	In        int64  // bytes of the body that were read
	Out       int64  // bytes of the answer's body
	Took      time.Duration
	Err       error // what the handler failed with, be the client or the server to blame
	RequestID string
	// BrokenOff says that an answer began and was not sent whole.
	BrokenOff bool
}

const (
	otherRoute  = "other"
	pageRoute   = "page"
	otherMethod = "other"
)

// outcome says what became of x, whose handler panicked or did not.
func (s *server) outcome(x *exchange, panicked bool) Outcome {
	return Outcome{
		Route:     s.route(x.request.Pattern),
		Method:    method(x.request.Method),
		Status:    x.status,
		In:        x.body.n,
		Out:       x.sent,
		Took:      time.Since(x.start),
		Err:       x.err,
		RequestID: x.id,
		BrokenOff: x.brokenOff != nil || panicked,
	}
}

// route names what the mux has found.
func (s *server) route(pattern string) string {
	switch pattern {
	case "", elsePattern: // "": the mux was not asked
		return otherRoute
	case rootPattern:
		return pageRoute
	}
	if _, ok := s.Page[pattern]; ok {
		return pageRoute
	}
	return strings.TrimPrefix(pattern, "/v1")
}

func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		return name
	}
	return otherMethod
}
