package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"testing"
	"time"

	"uploadd/api"
)

// openRange asks s, which has no other requests, for a range.
func (s *fileServer) openRange(from, to int64) (*Range, error) {
	c := serve(s.t, func(w http.ResponseWriter, r *http.Request) {
		s.requests = append(s.requests, r.Header.Get("Range")+"|"+r.Header.Get("If-Range"))
		s.content(w, r)
	})
	return c.OpenRange(context.Background(), &api.File{ID: "file-1", Bytes: int64(len(s.data))}, from, to)
}

func TestRange(t *testing.T) {
	for _, c := range []struct {
		from, to int64
		header   string
	}{{2, 5, "bytes=2-4|"}, {0, 3, "bytes=0-2|"}, {7, 10, "bytes=7-|"}, {0, 10, "|"}} {
		s := newFileServer(t, "0123456789")
		r, err := s.openRange(c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if string(got) != "0123456789"[c.from:c.to] || err != nil || r.Close() != nil {
			t.Errorf("%d to %d: %q, %v", c.from, c.to, got, err)
		}
		if r.ETag != `"v1"` || !r.CRCKnown || r.CRC32C != crc32.Checksum(s.data, castagnoli) {
			t.Errorf("%+v", r)
		}
		s.wantRequests(c.header)
	}
}

func TestRangeOutside(t *testing.T) {
	for _, c := range [][2]int64{{-1, 2}, {3, 3}, {4, 3}, {8, 11}} {
		s := newFileServer(t, "0123456789")
		if _, err := s.openRange(c[0], c[1]); err == nil {
			t.Errorf("%v is no range of 10 bytes", c)
		}
		s.wantRequests()
	}
}

// TestRangeFromServersThatDoNot: a server may send the whole, which is known in
// advance, or what nobody asked for, which must not be taken for the range.
func TestRangeFromServersThatDoNot(t *testing.T) {
	s := newFileServer(t, "0123456789")
	s.content = func(w http.ResponseWriter, r *http.Request) { w.Write(s.data) }
	if _, err := s.openRange(2, 5); !errors.Is(err, ErrNoRanges) {
		t.Errorf("the whole: %v", err)
	}
	for contentRange, body := range map[string]string{
		"bytes 2-4/10": "23456", // longer than its own header says
		"bytes 3-5/10": "345",
		"bytes 2-4/11": "234",
		"":             "234",
	} {
		s.content = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(w, body)
		}
		r, err := s.openRange(2, 5)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("%s with %q is taken for bytes 2-4", contentRange, body)
		}
	}
	s.content = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.Header().Set("Content-Range", "bytes 2-4/10")
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, "23")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	r, err := s.openRange(2, 5)
	if err != nil {
		t.Fatal(err)
	}
	// A Read after the connection broke goes on where it did, within the range.
	got, err := io.ReadAll(r)
	if string(got) != "23" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
	s.requests = nil
	s.content = func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
	}
	if got, err := io.ReadAll(r); string(got) != "4" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s.wantRequests("bytes=4-4|")
}
