package server_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"uploadd/api"
	"uploadd/internal/server"
)

// Which requests a page in a browser of this machine may have sent: it can name its
// own host, or tell its origin, and nothing else.
func TestLocal(t *testing.T) {
	var got server.Credentials
	h := server.New(server.Config{Authenticate: func(_ context.Context, c server.Credentials) (server.Caller, error) {
		got = c
		return server.Caller{}, api.Errorf(api.ErrUnauthorized, "", "seen")
	}})
	for _, tt := range []struct {
		host   string
		header map[string]string
		local  bool
	}{
		{"127.0.0.1:8080", nil, true},
		{"127.8.8.8", nil, true},
		{"[::1]:8080", nil, true},
		{"localhost", nil, true},
		{"LocalHost:1", nil, true},
		{"", nil, true},
		{"evil.example:8080", nil, false},
		{"localhost.evil.example", nil, false},
		{"127.0.0.1.evil.example", nil, false},
		{"10.0.0.1", nil, false},
		{"0.0.0.0", nil, false},
		{"127.0.0.1:8080", map[string]string{"Origin": "https://evil.example"}, false},
		{"127.0.0.1:8080", map[string]string{"Origin": "null"}, false},
		{"127.0.0.1:8080", map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		{"127.0.0.1:8080", map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		{"127.0.0.1:8080", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"}, true},
		{"127.0.0.1:8080", map[string]string{"Origin": "http://127.0.0.1:8080"}, true},
	} {
		r := httptest.NewRequest("POST", "/v1/files", nil)
		r.Host = tt.host
		for name, value := range tt.header {
			r.Header.Set(name, value)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got.Local != tt.local {
			t.Errorf("Host %q with %v: local is %v", tt.host, tt.header, got.Local)
		}
	}
}
