package server_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"uploadd/api"
	"uploadd/internal/server"
)

// Which requests may have been sent for a page in a browser of this machine, or for
// somebody on another one.
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
		{"", nil, false},
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
		{"127.0.0.1:8080", map[string]string{"Origin": "http://127.0.0.1:8081"}, false},
		{"127.0.0.1:8080", map[string]string{"Sec-Fetch-Site": "none"}, true},
		{"127.0.0.1:8080", map[string]string{"X-Forwarded-For": "192.0.2.1"}, false},
		{"127.0.0.1:8080", map[string]string{"Forwarded": "for=192.0.2.1"}, false},
		{"127.0.0.1:8080", map[string]string{"Via": "1.1 proxy"}, false},
	} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/v1/files", nil)
			r.Host = tt.host
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got.Local != tt.local {
				t.Errorf("%s with the Host %q and %v: local is %v", method, tt.host, tt.header, got.Local)
			}
		}
	}
}
