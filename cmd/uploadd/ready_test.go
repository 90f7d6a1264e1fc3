package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL)
		}
	})
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	var asked int
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer slow.Close()
	gone := httptest.NewServer(answer)
	gone.Close()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--url " + plain.URL, 0, ""},
		{"--url " + plain.URL + "/", 0, ""},
		{"--url " + secure.URL, 0, ""}, // whose certificate is for somebody else
		{"--url " + strings.Replace(secure.URL, "127.0.0.1", "0.0.0.0", 1), 1, "certificate"},
		{"--url " + slow.URL, 1, "503"},
		{"--wait 1m --url " + slow.URL, 0, ""},
		{"--url " + gone.URL, 1, "not ready"},
		{"--url " + gone.URL + " --wait 300ms", 1, "not ready"},
		{"--url 127.0.0.1:8080", 1, "write it like http://127.0.0.1:8080"},
	} {
		began := time.Now()
		code, _, stderr := invoke(t, append([]string{"ready"}, strings.Fields(tt.args)...)...)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("ready %s: exit %d, %q, want %d, %q, after %s", tt.args, code, stderr, tt.code, tt.want, time.Since(began))
		}
	}
}
