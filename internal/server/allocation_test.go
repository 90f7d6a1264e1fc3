package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads"
)

// partSender sends Parts of one Upload over a connection to a whole server, and itself
// allocates no more than it takes to read an answer.
type partSender struct {
	t     testing.TB
	conn  net.Conn
	read  *bufio.Reader
	path  string
	block []byte
}

func newPartSender(t testing.TB) *partSender {
	t.Helper()
	h, svc := newHandler(t, t.TempDir(), uploads.Config{})
	conn, err := net.Dial("tcp", start(t, h).Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &partSender{t, conn, bufio.NewReader(conn),
		"/v1/uploads/" + createUpload(t, svc.For("p"), api.MaxUpload) + "/parts", bytes.Repeat([]byte("0123456789abcdef"), 64<<10)}
}

// send adds a Part of size bytes.
func (s *partSender) send(size int64) {
	s.t.Helper()
	fmt.Fprintf(s.conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s",
		s.path, size+framing, partHead)
	for left := size; left > 0; {
		n, err := s.conn.Write(s.block[:min(left, int64(len(s.block)))])
		if left -= int64(n); err != nil {
			s.t.Fatal(err)
		}
	}
	io.WriteString(s.conn, partTail) // a failure shows in the answer
	resp, err := http.ReadResponse(s.read, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var body strings.Builder
	if _, err := io.Copy(&body, resp.Body); err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("status %d: %s, %v", resp.StatusCode, &body, err)
	}
}

// mostAllocated bounds what a Part may cost in memory, in bytes: a buffer to write from,
// if the pool has none, its checksums, and what a request takes. It does not grow with
// the Part by more than the checksums, of 4 bytes for each 256 KiB.
const mostAllocated = 1 << 20

// A Part streams, whatever its size. (Bytes are counted, and not time.)
func TestAllocationPerPart(t *testing.T) {
	s := newPartSender(t)
	for _, size := range []int64{1 << 10, 1 << 20, api.MaxPart} {
		s.send(size) // the first fills pools
		const parts = 4
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range parts {
			s.send(size)
		}
		runtime.ReadMemStats(&after)
		each := (after.TotalAlloc - before.TotalAlloc) / parts
		t.Logf("a part of %d bytes: %d bytes in %d allocations", size, each, (after.Mallocs-before.Mallocs)/parts)
		if each > mostAllocated {
			t.Errorf("a part of %d bytes allocates %d, and %d are the most", size, each, mostAllocated)
		}
	}
}

// What a Part takes on its whole way: from the connection to the disk and back.
func BenchmarkAddPart(b *testing.B) {
	for _, size := range []int64{1 << 10, 1 << 20, api.MaxPart} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := newPartSender(b)
			s.send(size)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				s.send(size)
			}
		})
	}
}
