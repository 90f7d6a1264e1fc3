package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

const (
	get    = "GET /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n"
	create = "POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n"
	upload = `{"purpose":"batch","filename":"a","mime_type":"b","bytes":1}`
	// smuggled is a request that hides behind another.
	smuggled = "GET /v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
)

// raw lists requests that two readers could take for different ones, or that are
// none, with the status of each answer. Each has smuggled right behind it: an answer too
// many tells of a request that was found where there is none.
var raw = []struct {
	name, request string
	want          []int
}{
	{"a request", get + "\r\n", []int{200, 404}},
	{"a body", create + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(upload)) + upload, []int{200, 404}},
	{"empty lines before a request", "\r\n\r\n" + get + "\r\n", []int{400}},
	{"keep-alive of HTTP/1.0", "GET /v1/files HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer p\r\nConnection: keep-alive\r\n\r\n", []int{200}},
	{"HTTP/0.9", "GET /v1/files\r\n", []int{400}},
	{"HTTP/1.2", "GET /v1/files HTTP/1.2\r\nHost: x\r\nAuthorization: Bearer p\r\n\r\n", []int{200, 404}},
	{"HTTP/2 without an agreement", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}},
	{"HTTP/3.0", "GET /v1/files HTTP/3.0\r\nHost: x\r\n\r\n", []int{505}},
	{"a hello of TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x00", 150) + "\r\n", []int{400}},
	{"garbage", strings.Repeat("\xff\x00", 100) + "\r\n\r\n", []int{400}},
	{"a method with a space", "GET POST /v1/files HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
	{"no method", " /v1/files HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
	{"a tab in the request line", "GET\t/v1/files\tHTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
	{"no host", "GET /v1/files HTTP/1.1\r\n\r\n", []int{400}},
	{"two hosts", get + "Host: y\r\n\r\n", []int{400}},
	{"a host of garbage", "GET /v1/files HTTP/1.1\r\nHost: a b\"<>\r\n\r\n", []int{400}},
	{"a line that is no header", get + "garbage\r\n\r\n", []int{400}},
	{"a space before the colon", get + "X : y\r\n\r\n", []int{400}},
	{"a space before the colon of a length", create + "Content-Length : 3\r\n\r\nabc", []int{400}},
	{"a header name that is none", get + "X\x01Y: z\r\n\r\n", []int{400}},
	{"NUL in a header", get + "X: a\x00b\r\n\r\n", []int{400}},
	{"a carriage return alone in a header", get + "X: a\rY: b\r\n\r\n", []int{400}},
	{"a first header that is folded", "GET /v1/files HTTP/1.1\r\n Host: x\r\n\r\n", []int{400}},

	{"a length that is none", create + "Content-Length: x\r\n\r\n", []int{400}},
	{"a length below zero", create + "Content-Length: -1\r\n\r\n", []int{400}},
	{"a length with a sign", create + "Content-Length: +3\r\n\r\nabc", []int{400}},
	{"a length in hex", create + "Content-Length: 0x3\r\n\r\nabc", []int{400}},
	{"a length past 64 bits", create + "Content-Length: 18446744073709551619\r\n\r\nabc", []int{400}},
	{"a list of lengths", create + "Content-Length: 3, 3\r\n\r\nabc", []int{400}},
	{"two lengths", create + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", []int{400}},
	{"an empty length", create + "Content-Length:\r\n\r\n", []int{400}},

	{"a length and chunks", create + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(upload), []int{400}},
	{"chunks and a length", create + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked(upload), []int{400}},
	{"chunks and a length, pipelined", get + "\r\n" + create + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked(upload), []int{200, 200}},
	{"chunks", create + "Transfer-Encoding: chunked\r\n\r\n" + chunked(upload), []int{200}},
	{"chunks twice", create + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(upload), []int{501}},
	{"chunks in HTTP/1.0", strings.Replace(create, "1.1", "1.0", 1) + "Connection: keep-alive\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", []int{400}},
	{"a coding like chunks", create + "Transfer-Encoding: xchunked\r\n\r\n" + chunked(upload), []int{501}},
	{"chunks and identity", create + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked(upload), []int{501}},
	{"identity", create + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", []int{501}},
	{"gzip", create + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(upload), []int{501}},
	{"a coding in quotes", create + "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunked(upload), []int{501}},
	{"an empty coding", create + "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc", []int{501}},
	{"a coding after a vertical tab", create + "Transfer-Encoding:\x0bchunked\r\n\r\n" + chunked(upload), []int{400}},
	{"a coding that is folded", create + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n" + chunked(upload), []int{400}},
	{"chunks of a request without a body", get + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{200}},

	{"a chunk's size past 64 bits", create + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx", []int{400}},
	{"a chunk's size with a sign", create + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", []int{400}},
	{"a chunk's size with 0x", create + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", []int{400}},
	{"a line feed alone after a chunk's size", create + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", []int{400}},
	{"a line feed in a chunk's extension", create + "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", []int{400}},
	{"a chunk longer than its size", create + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", []int{400}},
	{"a flood of extensions", create + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\n{\r\n", 100) + "0\r\n\r\n", []int{400}},
	{"a trailer that is a length", create + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n" + chunked(upload), []int{400}},
	{"trailers", create + "Transfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunked(upload), "\r\n") + "Authorization: Bearer q\r\nHost: y\r\nContent-Length: 5\r\n\r\n", []int{200}},

	{"an expectation that nobody knows", create + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", []int{417}},
	{"a large head", get + "Cookie: " + strings.Repeat("c", 1<<20+1) + "\r\n\r\n", []int{431}},
	{"a large request line", "GET /v1/files/" + strings.Repeat("f", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{431}},
	{"many headers", get + strings.Repeat("A: b\r\n", 10_000) + "\r\n", []int{431}},
	{"a path of 16 KB", "GET /v1/files/" + strings.Repeat("f", 16_000) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n\r\n", []int{404, 404}},

	{"CONNECT", "CONNECT files:80 HTTP/1.1\r\nHost: files:80\r\n\r\n", []int{404, 404}},
	{"CONNECT of a path", "CONNECT /v1/files HTTP/1.1\r\nHost: x\r\n\r\n", []int{405, 404}},
	{"TRACE", "TRACE /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n\r\n", []int{405, 404}},
	{"OPTIONS of everything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", []int{404, 404}},
	{"a whole URL", "GET http://elsewhere/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", []int{404, 404}},
	{"a change of protocol", get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200, 404}},
}

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

func TestRawRequests(t *testing.T) {
	s := newServer(t)
	for _, tt := range raw {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answers := exchangeRaw(t, s.address, tt.request+smuggled)
			got := []int{}
			for _, a := range answers {
				got = append(got, a.StatusCode)
				if a.StatusCode >= 400 {
					a.checkError(t)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("answers %d, want %d", got, tt.want)
			}
			if last := answers[len(answers)-1]; len(tt.want) == 1 && !last.Close {
				t.Errorf("the connection is kept after status %d: %q", last.StatusCode, last.Header)
			}
		})
	}
}

// A body that is announced as endless is not waited for.
func TestEndlessChunk(t *testing.T) {
	s := newServer(t)
	conn := uploadstest.Must(net.Dial("tcp", s.address))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n%s", create, strings.Repeat("x", 80<<10))
	resp := uploadstest.Must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
	if resp.StatusCode != 413 || !resp.Close {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Two lengths are noticed in every request of a connection.
func TestTwofoldLater(t *testing.T) {
	s := newServer(t)
	conn := uploadstest.Must(net.Dial("tcp", s.address))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	for n, request := range []string{
		get + "X: " + strings.Repeat("x", 5000) + "\r\n\r\n",
		create + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(upload)) + upload,
		create + "Content-Length: 4\r\nX: " + strings.Repeat("x", 5000) + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(upload),
	} {
		io.WriteString(conn, request)
		resp := uploadstest.Must(http.ReadResponse(r, nil))(t)
		uploadstest.Must(io.Copy(io.Discard, resp.Body))(t)
		if twofold := n == 2; (resp.StatusCode == 400) != twofold || resp.Close != twofold {
			t.Errorf("request %d: status %d, %v", n, resp.StatusCode, resp.Close)
		}
	}
}

// A thousand requests at once are answered in their order.
func TestPipelined(t *testing.T) {
	s := newServer(t)
	var requests strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&requests, "GET /v1/nowhere%d HTTP/1.1\r\nHost: x\r\n\r\n", n)
	}
	answers := exchangeRaw(t, s.address, requests.String()+smuggled)
	for n, a := range answers[:len(answers)-1] {
		if !strings.Contains(a.body, fmt.Sprintf("GET /v1/nowhere%d.", n)) {
			t.Fatalf("answer %d is %s", n, a.body)
		}
	}
	if len(answers) != 1001 {
		t.Errorf("%d answers", len(answers))
	}
}

// rawAnswer is one answer, read to its end.
type rawAnswer struct {
	*http.Response
	body string
}

// exchangeRaw sends bytes and reads answers until the connection ends.
func exchangeRaw(t *testing.T, address, request string) (answers []rawAnswer) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	go io.WriteString(conn, request) // may fail: the answer can come before the end
	r := bufio.NewReader(conn)
	for {
		if _, err := r.Peek(1); err != nil {
			if len(answers) == 0 {
				t.Fatalf("no answer: %v", err)
			}
			return answers
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("after %d answers: %v", len(answers), err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("after %d answers: %v", len(answers), err)
		}
		answers = append(answers, rawAnswer{resp, body.String()})
	}
}

// checkError wants an error of the API's shape, with the headers of every answer.
func (a rawAnswer) checkError(t *testing.T) {
	t.Helper()
	var envelope struct{ Error *api.Error }
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil || envelope.Error == nil || envelope.Error.Message == "" || envelope.Error.Type == "" {
		t.Errorf("status %d, the body is no error of this API: %q", a.StatusCode, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type":            "application/json",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; sandbox",
		"Cache-Control":           "private, no-store",
	} {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("status %d: %s is %q", a.StatusCode, name, got)
		}
	}
	if !strings.HasPrefix(a.Header.Get("X-Request-Id"), "req_") {
		t.Errorf("status %d: X-Request-Id is %q", a.StatusCode, a.Header.Get("X-Request-Id"))
	}
}
