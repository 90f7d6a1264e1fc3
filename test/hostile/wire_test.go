package hostile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// wire sends requests as they are written, one on a connection each, and holds
// the headers of every answer to what a browser must be told.
type wire struct {
	*testing.T
	address string
	key     string
}

func newWire(t *testing.T, s *program.Server) wire {
	return wire{t, strings.TrimPrefix(s.URL, "http://"), "any"}
}

// send sends a request: its first line, its headers, and a body.
func (w wire) send(line string, headers []string, body string) (*http.Response, []byte) {
	w.Helper()
	conn := uploadstest.Must(net.Dial("tcp", w.address))(w.T)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	head := append([]string{line, "Host: localhost", "Connection: close", "Authorization: Bearer " + w.key}, headers...)
	if body != "" {
		head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	fmt.Fprintf(conn, "%s\r\n\r\n%s", strings.Join(head, "\r\n"), body)
	method, _, _ := strings.Cut(line, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		w.Fatalf("%.200q: no answer: %v", line, err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatalf("%.200q: %v", line, err)
	}
	w.checkHeaders(fmt.Sprintf("%.200q, status %d", line, resp.StatusCode), resp.Header)
	if resp.StatusCode >= 400 && len(answer) > 0 {
		var envelope struct{ Error *api.Error }
		if err := json.Unmarshal(answer, &envelope); err != nil || envelope.Error == nil || envelope.Error.Message == "" {
			w.Errorf("%.200q: status %d, no error of this API: %.300q", line, resp.StatusCode, answer)
		}
	}
	return resp, answer
}

func (w wire) checkHeaders(what string, h http.Header) {
	w.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy":      "default-src 'none'; sandbox",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"Cache-Control":                "private, no-store",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			w.Errorf("%s: %s is %q", what, name, got)
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "Location" || name == "Server" || name == "Refresh" {
			w.Errorf("%s: %s is %q", what, name, h[name])
		}
	}
	switch ct := h.Get("Content-Type"); ct {
	case "application/json", "":
	case "application/octet-stream":
		if kind, _, _ := strings.Cut(h.Get("Content-Disposition"), ";"); kind != "attachment" && h.Get("Content-Range") == "" {
			w.Errorf("%s: content is sent as %q", what, h.Get("Content-Disposition"))
		}
	default:
		w.Errorf("%s: Content-Type is %q", what, ct)
	}
}

// No path leads anywhere but to the routes, and none is redirected.
func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWire(t, program.Start(t, program.Options{}))
	for _, path := range []string{
		"//v1/files", "/v1//files", "/v1/files/", "/v1/./files", "/v1/../v1/files", "/v1/files/..", "/v1/files/.", "/v1/files/../../etc/passwd",
		"/v1/files/..%2f..%2fetc%2fpasswd", "/v1/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/files/..%5c..%5cetc", `/v1/files/..\..\etc`,
		"/v1/files/%00", "/v1/files/file-%00/content", "/v1/files/%0d%0aX:%20y", "/v1/files/%c0%ae%c0%ae%c0%afetc", "/v1/files/%ff%fe",
		"/v1/files/%e2%80%ae", "/v1/files/%25%32%65", "/v1/files/%2fetc%2fpasswd", "/v1/files/%2fetc%2fpasswd/content", "/v1/files/file:%2f%2f%2fetc/content",
		"/v1/files/L2V0Yy9wYXNzd2Q=/content", "/v1/files/.htaccess", "/v1/files/CON", "/v1/files/*/content", "/v1/files/'%20OR%20'1'='1",
		"/v1/files;x=y", "/v1%2ffiles", "/V1/FILES", "/v1/Files", "/v2/files", "/v1/v1/files", "/v1/files/" + strings.Repeat("a", 10_000),
		"/v1/files/" + strings.Repeat("../", 3000), "/v1/uploads/../../files/x/content", "/..", "/%2e%2e/%2e%2e/etc/passwd", "/v1", "/v1/", "/assets/", "/assets/../v1/files",
		"/debug/pprof/", "/debug/pprof/cmdline", "/debug/vars", "/debug/requests", "/metrics", "/v1/metrics", "/server-status", "/admin", "/v1/admin/keys",
		"/favicon.ico", "/robots.txt", "/.env", "/.git/config", "/index.html", "/uploadd.db", "/blobs", "/v1/../uploadd-data/uploadd.db",
		"http://169.254.169.254/latest/meta-data", "https://x/etc", "file:///etc/passwd", "/v1/files/a/b/c", "/v1/uploads/x/parts/y",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			resp, _ := w.send(method+" "+path+" HTTP/1.1", nil, "")
			if s := resp.StatusCode; s != 400 && s != 404 && s != 405 && s != 403 {
				t.Errorf("%s %.200s: status %d", method, path, s)
			}
		}
	}
}

// A request is what its first line says; headers for others change nothing.
func TestForeignHeaders(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	key := newKey(t, data, "one")
	w := newWire(t, program.Start(t, program.Options{Data: data}))
	w.key = key
	for _, header := range []string{
		"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-Original-URL: /v1/nowhere", "X-Rewrite-URL: /v1/nowhere",
		"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: elsewhere", "X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1;host=elsewhere", "X-Real-IP: ::1",
		"X-Forwarded-Prefix: /../..", "X-Accel-Redirect: /etc/passwd", "X-Sendfile: /etc/passwd", "Range: bytes=0-1", "Accept: text/html", "Accept-Encoding: gzip, br",
		"Upgrade: websocket", "Content-Encoding: identity", "X-Stainless-Retry-Count: 2", "Te: trailers", "Max-Forwards: 0", "Via: 1.1 x", "Cookie: session=1",
		"Accept-Language: ../../../etc/passwd", "User-Agent: () { :;}; /bin/sh", "Expect: 100-continue", "If-None-Match: *", "If-Match: *",
	} {
		resp, body := w.send("GET /v1/files HTTP/1.1", []string{header}, "")
		if resp.StatusCode != 200 || !bytes.HasPrefix(body, []byte(`{"object":"list"`)) || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: status %d, %s", header, resp.StatusCode, body)
		}
	}
	for _, method := range []string{"TRACE", "TRACK", "CONNECT", "PUT", "PATCH", "OPTIONS", "PROPFIND", "DEBUG", "get", "POST\x0b", "DELETE"} {
		resp, body := w.send(method+" /v1/files HTTP/1.1", []string{"X-Echo: canary"}, "")
		if s := resp.StatusCode; s != 405 && s != 400 || s == 405 && resp.Header.Get("Allow") != "GET, HEAD, POST" || bytes.Contains(body, []byte("canary")) {
			t.Errorf("%q: status %d, %s", method, s, body)
		}
	}
}

// A page of another origin learns nothing, and cannot ask for more than a form
// can send.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	w := newWire(t, program.Start(t, program.Options{}))
	for _, origin := range []string{"https://elsewhere.example", "null", "http://x", "http://127.0.0.1"} {
		for _, method := range []string{"POST", "DELETE", "GET"} {
			resp, _ := w.send("OPTIONS /v1/files HTTP/1.1", []string{"Origin: " + origin,
				"Access-Control-Request-Method: " + method, "Access-Control-Request-Headers: authorization"}, "")
			if s := resp.StatusCode; s != 405 && s != 403 && s != 404 {
				t.Errorf("a preflight of %s for %s: status %d", origin, method, s)
			}
		}
		w.send("GET /v1/files HTTP/1.1", []string{"Origin: " + origin}, "") // whose headers are looked at
	}
}
