package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWire runs the scripts in testdata, which specify the wire: what is sent
// byte for byte, and what comes back. A script is a list of exchanges with one
// server, each as follows.
//
//	-- what it shows
//	POST /v1/uploads/$upload/parts
//	Content-Type: multipart/form-data; boundary=b
//
//	--b
//	...
//	=> 200
//	Content-Type: application/json
//
//	{"id": "$part", "created_at": "*"}
//
// Lines of a request end in CRLF on the wire, and its last line too if an empty
// line precedes the "=>". \x41 is the byte 41 (hex). Host, Connection and the
// body's length are added unless given; with "Transfer-Encoding: chunked" the
// body is sent in chunks of 7 bytes.
//
// A header that is named must have the value; "*" is any, "none" is absent. An
// answer's body must be that JSON, all keys of it: "*" is any value, and "$name"
// the one of that name, which it gets when it has none. A body that is not JSON
// must be that text.
func TestWire(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{T: t, address: newServer(t).address, vars: map[string]string{}}
			for n, step := range strings.Split("\n"+string(script), "\n-- ")[1:] {
				title, rest, _ := strings.Cut(step, "\n")
				w.step(fmt.Sprintf("%d: %s", n+1, title), rest)
			}
		})
	}
}

type wire struct {
	*testing.T
	address string
	vars    map[string]string
}

var variable = regexp.MustCompile(`\$[a-z][a-z0-9]*`)

func (w *wire) step(title, text string) {
	w.Helper()
	request, answer, ok := strings.Cut(text, "\n=> ")
	if !ok {
		w.Fatalf("%s: no answer is expected", title)
	}
	request = variable.ReplaceAllStringFunc(request, func(v string) string {
		if value, known := w.vars[v]; known {
			return value
		}
		return v
	})
	got, body := w.exchange(title, request)
	wantHead, wantBody, _ := strings.Cut(answer, "\n\n")
	lines := strings.Split(strings.TrimSpace(wantHead), "\n")
	if fmt.Sprint(got.StatusCode) != lines[0] {
		w.Fatalf("%s: status %d, want %s; body: %s", title, got.StatusCode, lines[0], body)
	}
	for _, line := range lines[1:] {
		name, want, _ := strings.Cut(variable.ReplaceAllStringFunc(line, func(v string) string { return w.vars[v] }), ": ")
		values := got.Header.Values(name)
		switch {
		case want == "none" && len(values) != 0, want == "*" && len(values) == 0,
			want != "none" && want != "*" && (len(values) != 1 || values[0] != want):
			w.Errorf("%s: header %s is %q, want %s", title, name, values, want)
		}
	}
	if wantBody = strings.TrimRight(wantBody, "\n"); wantBody == "" {
		return
	}
	var want, have any
	if json.Unmarshal([]byte(wantBody), &want) != nil {
		if wantBody != string(body) {
			w.Errorf("%s: body %q, want %q", title, body, wantBody)
		}
		return
	}
	if err := json.Unmarshal(body, &have); err != nil {
		w.Fatalf("%s: body %q: %v", title, body, err)
	}
	w.match(title, "body", want, have)
}

// match compares JSON values.
func (w *wire) match(title, path string, want, have any) {
	w.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			w.Errorf("%s: %s is %v, want an object", title, path, have)
			return
		}
		for key := range object {
			if _, ok := want[key]; !ok {
				w.Errorf("%s: %s has a key %q: %v", title, path, key, object[key])
			}
		}
		for key, value := range want {
			if _, ok := object[key]; !ok {
				w.Errorf("%s: %s has no key %q", title, path, key)
				continue
			}
			w.match(title, path+"."+key, value, object[key])
		}
	case []any:
		array, ok := have.([]any)
		if !ok || len(array) != len(want) {
			w.Errorf("%s: %s is %v, want %d elements", title, path, have, len(want))
			return
		}
		for i := range want {
			w.match(title, fmt.Sprintf("%s[%d]", path, i), want[i], array[i])
		}
	case string:
		if want == "*" {
			return
		}
		if variable.FindString(want) == want && want != "" {
			if _, known := w.vars[want]; !known {
				w.vars[want] = fmt.Sprint(have)
			}
		}
		want = variable.ReplaceAllStringFunc(want, func(v string) string { return w.vars[v] })
		if fmt.Sprint(have) != want {
			w.Errorf("%s: %s is %v, want %s", title, path, have, want)
		}
	default:
		if have != want {
			w.Errorf("%s: %s is %v, want %v", title, path, have, want)
		}
	}
}

var escaped = regexp.MustCompile(`\\x[0-9a-f]{2}`)

// exchange sends a request as it is written and reads the answer.
func (w *wire) exchange(title, request string) (*http.Response, []byte) {
	w.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	body = strings.ReplaceAll(body, "\n", "\r\n")
	body = escaped.ReplaceAllStringFunc(body, func(e string) string {
		var b byte
		fmt.Sscanf(e, `\x%02x`, &b)
		return string([]byte{b})
	})
	lines := strings.Split(head, "\n")
	has := func(name string) bool { return strings.Contains(strings.ToLower(head), "\n"+name+":") }
	if !has("host") {
		lines = append(lines, "Host: test")
	}
	if !has("connection") {
		lines = append(lines, "Connection: close")
	}
	switch {
	case has("transfer-encoding"):
		var chunked strings.Builder
		for len(body) > 0 {
			n := min(7, len(body))
			fmt.Fprintf(&chunked, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		body = chunked.String() + "0\r\n\r\n"
	case body != "" && !has("content-length"):
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	lines[0] += " HTTP/1.1"

	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		w.Fatalf("%s: %v", title, err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		w.Fatalf("%s: %v", title, err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, resp.Body); err != nil {
		w.Fatalf("%s: %v", title, err)
	}
	return resp, b.Bytes()
}
