package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
)

// fileServer answers for one File, and can be told to misbehave.
type fileServer struct {
	t        *testing.T
	data     []byte
	requests []string // for the content: Range and If-Range
	content  func(w http.ResponseWriter, r *http.Request)
}

func newFileServer(t *testing.T, data string) *fileServer {
	s := &fileServer{t: t, data: []byte(data)}
	s.content = func(w http.ResponseWriter, r *http.Request) { s.ranges(w, r) }
	return s
}

// ranges is a server that does all that is asked for.
func (s *fileServer) ranges(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Repr-Digest", "sha-256=:AAAA:, "+digest(s.data))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
}

func digest(data []byte) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, castagnoli))
	return "crc32c=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

func (s *fileServer) open() api.Content {
	s.t.Helper()
	size := len(s.data)
	c := serve(s.t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.RequestURI {
		case "GET /v1/files/file-1":
			fmt.Fprintf(w, `{"object":"file","id":"file-1","bytes":%d}`, size)
		case "GET /v1/files/file-1/content":
			s.requests = append(s.requests, r.Header.Get("Range")+"|"+r.Header.Get("If-Range"))
			if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Authorization") != "Bearer "+testKey {
				s.t.Errorf("%v", r.Header)
			}
			s.content(w, r)
		default:
			s.t.Errorf("%s %s", r.Method, r.RequestURI)
		}
	})
	f, err := c.OpenFile(context.Background(), "file-1")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return f
}

func (s *fileServer) wantRequests(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.requests, want) {
		s.t.Errorf("requests for content: %q, want %q", s.requests, want)
	}
}

func TestContent(t *testing.T) {
	s := newFileServer(t, "0123456789")
	f := s.open()
	if _, known := f.CRC32C(); known || f.File().Bytes != 10 {
		t.Errorf("CRC known: %v, %v", known, f.File())
	}
	// Looking for the size costs no request.
	if n, err := f.Seek(0, io.SeekEnd); n != 10 || err != nil {
		t.Error(n, err)
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	f.Seek(0, io.SeekStart)
	s.wantRequests()
	if data, err := io.ReadAll(f); string(data) != "0123456789" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if sum, known := f.CRC32C(); !known || sum != crc32.Checksum(s.data, castagnoli) {
		t.Errorf("%x, %v", sum, known)
	}
	f.Seek(-3, io.SeekEnd)
	if data, err := io.ReadAll(f); string(data) != "789" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	f.Seek(4, io.SeekStart)
	io.ReadFull(f, make([]byte, 2))
	f.Seek(-1, io.SeekCurrent)
	if data, err := io.ReadAll(f); string(data) != "56789" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	s.wantRequests("|", `bytes=7-|"v1"`, `bytes=4-|"v1"`, `bytes=5-|"v1"`)
	if _, err := f.Seek(-1, io.SeekStart); err == nil {
		t.Error("a negative offset")
	}
	f.Close()
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

func TestContentIsAReader(t *testing.T) {
	data := make([]byte, 70_000)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, size := range []int{0, 1, 1000, len(data)} {
		s := newFileServer(t, string(data[:size]))
		if err := iotest.TestReader(s.open(), data[:size]); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestEmptyContent(t *testing.T) {
	s := newFileServer(t, "")
	f := s.open()
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if sum, known := f.CRC32C(); sum != 0 || !known {
		t.Error(sum, known)
	}
	s.wantRequests()
}

// TestContentWithoutRanges is against a server like OpenAI's, of which nobody
// has said that it knows ranges, lengths or digests.
func TestContentWithoutRanges(t *testing.T) {
	s := newFileServer(t, "0123456789")
	s.content = func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // chunked
		w.Write(s.data)
	}
	f := s.open()
	f.Seek(6, io.SeekStart)
	for range 2 {
		if data, err := io.ReadAll(f); string(data) != "6789" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
		f.Seek(6, io.SeekStart)
	}
	if _, known := f.CRC32C(); known {
		t.Error("a CRC from nowhere")
	}
}

// TestBadContent: nothing of this may end in a clean io.EOF.
func TestBadContent(t *testing.T) {
	const data = "0123456789"
	raw := func(header, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			rw.WriteString("HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n" + body)
			rw.Flush()
		}
	}
	text := func(header, value, body string, status int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for _, tt := range []struct {
		name    string
		content func(http.ResponseWriter, *http.Request)
		want    error // nil: any
	}{
		{"cut", raw("Content-Length: 10", "01234"), io.ErrUnexpectedEOF},
		{"cut, chunked", raw("Transfer-Encoding: chunked", "5\r\n01234\r\n"), io.ErrUnexpectedEOF},
		{"cut at the end, chunked", raw("Transfer-Encoding: chunked", "a\r\n0123456789\r\n"), io.ErrUnexpectedEOF},
		{"broken chunk", raw("Transfer-Encoding: chunked", "5\r\n01234\r\nzz\r\n"), io.ErrUnexpectedEOF},
		{"short, chunked", raw("Transfer-Encoding: chunked", "5\r\n01234\r\n0\r\n\r\n"), io.ErrUnexpectedEOF},
		{"short, until close", raw("Connection: close", "01234"), io.ErrUnexpectedEOF},
		{"long, chunked", raw("Transfer-Encoding: chunked", "b\r\n0123456789x\r\n0\r\n\r\n"), nil},
		{"shorter length", raw("Content-Length: 5", "01234"), nil},
		{"longer length", raw("Content-Length: 11", "0123456789x"), nil},
		{"other digest", text("Repr-Digest", "crc32c=:AAAAAA==:", data, 200), nil},
		{"gzip", text("Content-Encoding", "gzip", data, 200), nil},
		{"other range", text("Content-Range", "bytes 1-10/11", data, 206), nil},
		{"no range", text("X-Nothing", "", data, 206), nil},
		{"no content", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, nil},
		{"deleted meanwhile", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }, api.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newFileServer(t, data)
			s.content = tt.content
			got, err := io.ReadAll(s.open())
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.HasPrefix(data, string(got)) {
				t.Errorf("%q, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// TestContentResumes: after a break the same Read goes on where it was.
func TestContentResumes(t *testing.T) {
	s := newFileServer(t, "0123456789")
	s.content = func(w http.ResponseWriter, r *http.Request) {
		if len(s.requests) > 1 {
			s.ranges(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", "10")
		w.Write(s.data[:4])
		http.NewResponseController(w).Flush() // else the transport sees nothing, and asks again by itself
		panic(http.ErrAbortHandler)
	}
	f := s.open()
	first, err := io.ReadAll(f)
	if string(first) != "0123" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", first, err)
	}
	rest, err := io.ReadAll(f)
	if string(rest) != "456789" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	s.wantRequests("|", `bytes=4-|"v1"`)
}

// TestContentChanges: a later range never comes from another content.
func TestContentChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *fileServer, w http.ResponseWriter, r *http.Request)
	}{
		{"If-Range fails", func(s *fileServer, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("abcdefghij"))
		}},
		{"no ETag any more", func(s *fileServer, w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "abcdefghij")
		}},
		{"If-Range is not known", func(s *fileServer, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Range")
			w.Header().Set("ETag", `"v2"`)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("abcdefghij"))
		}},
		{"other digest, same ETag", func(s *fileServer, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Repr-Digest", digest([]byte("abcdefghij")))
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("abcdefghij"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newFileServer(t, "0123456789")
			f := s.open()
			io.ReadFull(f, make([]byte, 2))
			s.content = func(w http.ResponseWriter, r *http.Request) { tt.change(s, w, r) }
			f.Seek(5, io.SeekStart)
			if data, err := io.ReadAll(f); len(data) > 0 || !errors.Is(err, errChanged) {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

func TestReprDigest(t *testing.T) {
	for _, tt := range []struct {
		values []string
		sum    uint32
		ok     bool
	}{
		{nil, 0, false},
		{[]string{"crc32c=:AAAAAQ==:"}, 1, true},
		{[]string{"sha-256=:AA==:", "md5=:AA==:, crc32c=://///w==:;p=1"}, 1<<32 - 1, true},
		{[]string{"crc32c=:AAAA:"}, 0, false},
		{[]string{"crc32c=AAAAAQ=="}, 0, false},
		{[]string{"xcrc32c=:AAAAAQ==:"}, 0, false},
	} {
		if sum, ok := reprDigest(tt.values); sum != tt.sum || ok != tt.ok {
			t.Errorf("%q: %x, %v", tt.values, sum, ok)
		}
	}
}

func TestContentIsCancelled(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/content") {
			io.WriteString(w, `{"id":"file-1","bytes":10}`)
			return
		}
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "01234")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f, err := c.OpenFile(ctx, "file-1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if data, err := io.ReadAll(f); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", data, err)
	}
}
