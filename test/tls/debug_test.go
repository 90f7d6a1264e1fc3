package tls

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// own is one of some addresses of loopback that no other process uses, so that
// every port of it is free.
func own(which int) string {
	n := os.Getpid()<<2 | which
	return fmt.Sprintf("127.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
}

// The addresses of the tests that run at a time.
const (
	ofProfiles = iota
	ofACME
	ofRenewal
)

// Profiles are on their own listener, and the public port knows nothing of them.
func TestProfiles(t *testing.T) {
	t.Parallel()
	debug := own(ofProfiles) + ":6060"
	s := program.Start(t, program.Options{Flags: []string{"--debug-listen", debug}})
	for path, status := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/heap?debug=1": 200, "/debug/pprof/goroutine?debug=2": 200,
		"/debug/pprof/profile?seconds=1": 200, "/debug/pprof/trace?seconds=1": 200,
		"/debug/pprof/cmdline": 404, "/": 404, "/v1/files": 404,
	} {
		if got, body := get(t, "http://"+debug+path); got != status || len(body) == 0 {
			t.Errorf("%s: status %d, want %d; %d bytes", path, got, status, len(body))
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/v1/debug/pprof/", "/debug/vars", "/debug/requests", "/metrics"} {
		got, body := get(t, s.URL+path)
		var answer struct{ Error struct{ Code string } }
		if err := json.Unmarshal(body, &answer); err != nil || got != 404 || answer.Error.Code != "unknown_url" {
			t.Errorf("%s on the public port: status %d, %q, %v", path, got, body, err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, uploadstest.Must(io.ReadAll(resp.Body))(t)
}
