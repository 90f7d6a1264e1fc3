package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"uploadd/api"
)

// writeJSON sends an answer.
func writeJSON(w http.ResponseWriter, status int, answer any) error {
	b, err := encode(answer)
	if err != nil {
		return err
	}
	send(w, status, b)
	return nil
}

func encode(answer any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return b.Bytes(), nil
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // a client that has left is nobody to report to
}

// fail is where every error becomes an answer. What is not an *api.Error is an
// internal one: the client learns the request's id, the log learns the rest.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(w)
	x.err = err
	if x.status != 0 {
		panic(http.ErrAbortHandler) // the answer has begun: break it off, visibly
	}
	var known *api.Error
	if !errors.As(err, &known) {
		known = api.Errorf(api.ErrInternal, "", "Internal error. The request's id is %s.", x.id)
		if errors.Is(err, context.Canceled) {
			known = api.Errorf(api.ErrTimeout, "", "The client went away.") // for the log
		}
	}
	h := w.Header()
	if known.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(known.RetryAfter))
	}
	if known.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="uploadd"`)
	}
	if final(known.Status) {
		h.Set("X-Should-Retry", "false")
	}
	unread := !x.body.done
	if unread {
		// Nobody may take what is left of this body for a request. In HTTP/2 nobody
		// can, and other requests share the connection.
		if r.ProtoMajor == 1 {
			h.Set("Connection", "close")
		}
		// Without this, net/http would wait for the body before it answers.
		_ = x.control.EnableFullDuplex() // not supported: then it waits
	}
	for _, name := range []string{"ETag", "Content-Disposition", "Repr-Digest", "Last-Modified", "Accept-Ranges"} {
		h.Del(name) // of a download that did not come to be
	}
	h.Set("Cache-Control", noStore) // which http.ServeContent takes away
	if err := writeJSON(w, known.Status, map[string]*api.Error{"error": known}); err != nil {
		x.err = errors.Join(x.err, err)
	}
	// A client that waits for "100 Continue" sends nothing after this answer.
	if waiting := r.Header.Get("Expect") != "" && !x.body.begun; unread && !waiting {
		if x.control.Flush() == nil {
			x.body.drain()
		}
	}
}

// final says whether the same request would fail again.
func final(status int) bool {
	return status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// exchangeOf finds the exchange under whatever wraps it.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		switch v := w.(type) {
		case *exchange:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			panic("a handler was called outside of server.ServeHTTP")
		}
	}
}
