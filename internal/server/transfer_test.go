package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/server"
	"uploadd/internal/uploads/uploadstest"
)

// zeros is n bytes of nothing in particular.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const (
	partHead = "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"
	partTail = "\r\n--b--\r\n"
)

func partForm(data io.Reader) io.Reader {
	return io.MultiReader(strings.NewReader(partHead), data, strings.NewReader(partTail))
}

func createUpload(t testing.TB, a api.API, bytes int64) string {
	t.Helper()
	return uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "batch", Bytes: bytes, MimeType: "text/plain"}))(t).ID
}

// post sends a whole body before it looks for the answer, as Python's http.client
// and many others do: an answer that comes with a reset is lost on them.
func post(t testing.TB, s *testServer, path, header string, length int64, body io.Reader) (*http.Response, *api.Error) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n%s\r\n", path, length, header)
	if _, err := io.Copy(conn, body); err != nil {
		t.Fatalf("sending: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the answer: %v", err)
	}
	defer resp.Body.Close()
	var envelope struct{ Error *api.Error }
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		t.Fatalf("the answer's body: %v", err)
	}
	return resp, envelope.Error
}

const framing = int64(len(partHead) + len(partTail))

func TestLargestPart(t *testing.T) {
	s := newServer(t)
	a := s.client(t, "p")
	id := createUpload(t, a, api.MaxUpload)
	resp, _ := post(t, s, "/v1/uploads/"+id+"/parts", "", api.MaxPart+framing, partForm(zeros(api.MaxPart)))
	if resp.StatusCode != 200 {
		t.Errorf("64 MiB: status %d", resp.StatusCode)
	}
	for _, over := range []int64{1, 30 << 20} {
		resp, e := post(t, s, "/v1/uploads/"+id+"/parts", "", api.MaxPart+over+framing, partForm(zeros(api.MaxPart+over)))
		if resp.StatusCode != 413 || e.Code != api.CodePartTooLarge || !strings.Contains(e.Message, "67108864") {
			t.Errorf("64 MiB and %d: status %d, %+v", over, resp.StatusCode, e)
		}
	}
	if l := uploadstest.Must(a.ListParts(t.Context(), id, api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("parts: %+v", l.Data)
	}
}

// A request that is refused at once is answered in a way that a client which
// sends everything first can read.
func TestEarlyAnswer(t *testing.T) {
	s := newServer(t)
	a := s.client(t, "p")
	cancelled := createUpload(t, a, 1<<30)
	uploadstest.Must(a.CancelUpload(t.Context(), cancelled))(t)
	for path, status := range map[string]int{
		"/v1/uploads/upload_0/parts":             404,
		"/v1/uploads/" + cancelled + "/parts":    400,
		"/v1/uploads/" + cancelled + "/complete": 415,
	} {
		resp, e := post(t, s, path, "", 40<<20+framing, partForm(zeros(40<<20)))
		if resp.StatusCode != status || e.Message == "" {
			t.Errorf("%s: status %d, %+v; want %d", path, resp.StatusCode, e, status)
		}
		if !resp.Close { // what is unread of the body would be taken for a request
			t.Errorf("%s: the connection is kept", path)
		}
	}
}

// Of a stranger's body only so much is read as a small request has.
func TestStrangersBody(t *testing.T) {
	s := newServer(t)
	for _, length := range []int64{512 << 10, 256 << 20} {
		conn := uploadstest.Must(net.Dial("tcp", s.address))(t)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		sent := make(chan int64)
		go func() {
			fmt.Fprintf(conn, "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: %d\r\n\r\n", length)
			n, _ := io.Copy(conn, zeros(length))
			sent <- n
		}()
		n := int64(-1)
		if length < 1<<20 { // all of it can be sent before the answer is looked for
			n = <-sent
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 401 || !resp.Close {
			t.Fatalf("%d bytes: %v, %v", length, resp, err)
		}
		if n < 0 {
			n = <-sent
		}
		if length < 1<<20 && n != length || length > 1<<20 && n > length/2 {
			t.Errorf("%d of %d bytes were taken", n, length)
		}
	}
}

// A client that waits for "100 Continue" gets the final answer without sending,
// and without delay.
func TestExpectContinue(t *testing.T) {
	s := newServer(t)
	began := time.Now()
	resp, _ := post(t, s, "/v1/uploads/upload_0/parts", "Expect: 100-continue\r\n", 1<<30, strings.NewReader(""))
	if resp.StatusCode != 404 || time.Since(began) > 10*time.Second {
		t.Errorf("status %d after %v", resp.StatusCode, time.Since(began))
	}
	a := s.client(t, "p")
	id := createUpload(t, a, 10)
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	fmt.Fprintf(conn, "POST /v1/uploads/%s/parts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", id, framing+3)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q, %v", line, err)
	}
	r.ReadString('\n')
	io.Copy(conn, partForm(strings.NewReader("abc")))
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("after 100 Continue: %v, %v", resp, err)
	}
}

// A body cut off anywhere leaves no part, and the upload as it was.
func TestCutBody(t *testing.T) {
	s := newServer(t)
	a := s.client(t, "p")
	id := createUpload(t, a, 3)
	form := partHead + "abc" + partTail
	for cut := range form {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/uploads/%s/parts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\nContent-Type: multipart/form-data; boundary=b\r\n", id)
		if cut%2 == 0 {
			fmt.Fprintf(conn, "Content-Length: %d\r\n\r\n%s", len(form), form[:cut])
		} else { // all of the form, but not the end of the chunked body
			fmt.Fprintf(conn, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n", cut, form[:cut], len(form)-cut, form[cut:])
		}
		conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && resp.StatusCode != 400 {
			t.Errorf("cut at %d: status %d", cut, resp.StatusCode)
		}
		conn.Close()
	}
	if l := uploadstest.Must(a.ListParts(t.Context(), id, api.ListQuery{}))(t); len(l.Data) != 0 {
		t.Errorf("parts: %+v", l.Data)
	}
	p := uploadstest.Must(a.AddPart(t.Context(), id, strings.NewReader("abc")))(t)
	uploadstest.Must(a.CompleteUpload(t.Context(), id, api.CompleteUploadRequest{PartIDs: []string{p.ID}}))(t)
}

// The deadlines reach the connection through everything that wraps it: a
// wrapper that hides them would go unnoticed until somebody sends slowly.
func TestDeadlinesAreArmed(t *testing.T) {
	var reads, writes atomic.Int32
	inner := server.New(server.Config{Authenticate: func(_ context.Context, c server.Credentials) (server.Caller, error) {
		if c.Key == "" {
			return server.Caller{}, errors.New("no")
		}
		return server.Caller{}, nil // of which nothing is asked: the body will not do
	}})
	handled := make(chan struct{}, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { handled <- struct{}{} }()
		inner.ServeHTTP(&deadlines{ResponseWriter: w, reads: &reads, writes: &writes}, r)
	}))
	defer s.Close()
	for path, key := range map[string]string{"/v1/files": "", "/v1/uploads": "Bearer key"} { // what is drained, and what is read
		reads.Store(0)
		writes.Store(0)
		req := uploadstest.Must(http.NewRequest("POST", s.URL+path, bytes.NewReader(make([]byte, 32<<10))))(t)
		if key != "" {
			req.Header.Set("Authorization", key)
		}
		resp := uploadstest.Must(http.DefaultClient.Do(req))(t)
		resp.Body.Close()
		<-handled // it reads on after the answer
		if reads.Load() == 0 || writes.Load() == 0 {
			t.Errorf("%s: %d read deadlines and %d write deadlines were set", path, reads.Load(), writes.Load())
		}
	}
}

type deadlines struct {
	http.ResponseWriter
	reads, writes *atomic.Int32
}

func (d *deadlines) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *deadlines) SetReadDeadline(at time.Time) error {
	if !at.IsZero() { // which takes the deadline away
		d.reads.Add(1)
	}
	return http.NewResponseController(d.ResponseWriter).SetReadDeadline(at)
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.writes.Add(1)
	return http.NewResponseController(d.ResponseWriter).SetWriteDeadline(at)
}

// A handler that panics spoils its own answer only, and says nothing of why.
func TestPanic(t *testing.T) {
	h := server.New(server.Config{Authenticate: func(context.Context, server.Credentials) (server.Caller, error) { panic("secret") }})
	s := httptest.NewServer(h)
	defer s.Close()
	for range 2 {
		resp, err := http.Get(s.URL + "/v1/files")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 500 || strings.Contains(string(body), "secret") || !strings.Contains(string(body), resp.Header.Get("X-Request-Id")) {
			t.Errorf("status %d, %s", resp.StatusCode, body)
		}
	}
}

// An error that nobody foresaw is an internal one, its text for the log alone.
func TestInternalError(t *testing.T) {
	h := server.New(server.Config{
		Authenticate: func(context.Context, server.Credentials) (server.Caller, error) {
			return server.Caller{}, errors.New("secret path /etc")
		},
		Ready: func(context.Context) error { return errors.New("secret host") },
	})
	for path, status := range map[string]int{"/v1/files": 500, "/readyz": 503} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if after := w.Header().Get("Retry-After"); (after == "1") != (status == 503) {
			t.Errorf("%s: Retry-After %q", path, after)
		}
		if w.Code != status || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), `"server_error"`) {
			t.Errorf("%s: status %d, %s", path, w.Code, w.Body)
		}
		if after := w.Header().Get("Retry-After"); (status == 503) != (after == "1") {
			t.Errorf("%s: Retry-After %q", path, after)
		}
	}
}
