package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadd/internal/server"
)

// A page has its own paths and headers; every other path answers as without it.
func TestPage(t *testing.T) {
	h := server.New(server.Config{Page: map[string]http.Handler{
		"/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
			io.WriteString(w, "a page")
		}),
		"/assets/a.js": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a script") }),
	}})
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, "a page"},
		{"GET", "/assets/a.js", 200, "a script"},
		{"POST", "/", 405, "Allowed methods: GET, HEAD."},
		{"GET", "/assets/b.js", 404, "Unknown request URL: GET /assets/b.js."},
		{"GET", "/assets/", 404, "Unknown request URL"},
		{"GET", "/nowhere", 404, "Unknown request URL"},
		{"GET", "/v1/", 404, "Unknown request URL"},
		{"GET", "//", 404, "Unknown request URL"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, "http://localhost"+tt.path, nil))
		header := w.Result().Header
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: status %d, %s", tt.method, tt.path, w.Code, w.Body)
		}
		if header.Get("X-Request-Id") == "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: the headers of every answer are missing: %v", tt.method, tt.path, header)
		}
		if policy := header.Get("Content-Security-Policy"); tt.path != "/" && policy != "default-src 'none'; sandbox" {
			t.Errorf("%s %s: the policy is %q", tt.method, tt.path, policy)
		}
	}
}
