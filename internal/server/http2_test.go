package server

import (
	"bytes"
	"crypto/tls"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var frames = flag.Int("frames", 1_000, "how many frames of a kind an attacker of HTTP/2 sends")

// attacker is one end of a connection of HTTP/2 that sends what it likes.
type attacker struct {
	*testing.T
	conn   *tls.Conn
	framer *http2.Framer
	head   bytes.Buffer
	encode *hpack.Encoder

	goaway atomic.Int64 // 1 + the code
	good   atomic.Int64 // answers with status 200
	resets atomic.Int64
	ended  chan struct{} // closed when the server has closed the connection
}

// secureServer is a server of listing with TLS, and room for most connections.
func secureServer(t *testing.T, most int) (s *httptest.Server, c *conns) {
	t.Helper()
	c = newConns(most, slog.New(slog.DiscardHandler))
	s = httptest.NewUnstartedServer(nil)
	s.Config = newHTTPServer(New(Config{Authenticate: rightKeys(nil)}), c)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, c
}

func attack(t *testing.T, s *httptest.Server, settings ...http2.Setting) *attacker {
	t.Helper()
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.NetConn().Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	a := &attacker{T: t, conn: conn, framer: http2.NewFramer(conn, conn), ended: make(chan struct{})}
	a.framer.ReadMetaHeaders = hpack.NewDecoder(4<<10, nil)
	a.encode = hpack.NewEncoder(&a.head)
	io.WriteString(conn, http2.ClientPreface)
	a.framer.WriteSettings(settings...)
	go a.read()
	return a
}

func (a *attacker) read() {
	defer close(a.ended)
	for {
		f, err := a.framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			a.goaway.Store(1 + int64(f.ErrCode))
		case *http2.MetaHeadersFrame:
			if f.PseudoValue("status") == "200" {
				a.good.Add(1)
			}
		case *http2.RSTStreamFrame:
			a.resets.Add(1)
		}
	}
}

// block is the head of a request, and some more fields.
func (a *attacker) block(path string, more ...string) []byte {
	a.head.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", path}, {"authorization", "Bearer right"}} {
		a.encode.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	for i := 0; i < len(more); i += 2 {
		a.encode.WriteField(hpack.HeaderField{Name: more[i], Value: more[i+1]})
	}
	return bytes.Clone(a.head.Bytes())
}

// request opens a stream and leaves it to itself.
func (a *attacker) request(stream uint32, block []byte, ends bool) error {
	return a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: ends})
}

// refused says whether the server has ended the connection, or said that it will.
func (a *attacker) refused() bool {
	select {
	case <-a.ended:
		return true
	default:
		return a.goaway.Load() > 1
	}
}

// Each of these costs a client little, and has brought servers of HTTP/2 down.
func TestHTTP2(t *testing.T) {
	for _, tt := range []struct {
		name   string
		attack func(a *attacker)
		want   func(a *attacker) bool // nil: that honest requests are served is enough
	}{
		{"streams that are reset at once", func(a *attacker) {
			for n := range *frames {
				if a.request(uint32(2*n+1), a.block("/v1/files"), true) != nil || a.framer.WriteRSTStream(uint32(2*n+1), http2.ErrCodeCancel) != nil {
					return
				}
			}
		}, nil},
		{"a head that goes on for ever", func(a *attacker) {
			a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.block("/v1/files")})
			for range *frames {
				if a.framer.WriteContinuation(1, false, bytes.Repeat([]byte{0x82}, 8<<10)) != nil {
					return
				}
			}
		}, (*attacker).refused},
		{"a head of empty continuations", func(a *attacker) {
			a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.block("/v1/files")})
			for range *frames {
				if a.framer.WriteContinuation(1, false, nil) != nil {
					return
				}
			}
		}, nil},
		{"a bomb of references", func(a *attacker) {
			large := []string{"x", strings.Repeat("x", 3000)}
			for n := range 100 {
				if a.request(uint32(2*n+1), a.block("/v1/files", strings.Split(strings.Repeat(strings.Join(large, ",")+",", 4000), ",")[:8000]...), true) != nil {
					return
				}
			}
		}, func(a *attacker) bool { return a.good.Load() == 0 }},
		{"more streams than allowed", func(a *attacker) {
			for n := range *frames {
				if a.request(uint32(2*n+1), a.block("/v1/files", "content-length", "9"), false) != nil {
					return
				}
			}
		}, func(a *attacker) bool { return a.refused() || a.resets.Load() > 0 }},
		{"settings", func(a *attacker) {
			for range *frames {
				if a.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}) != nil {
					return
				}
			}
		}, nil},
		{"pings", func(a *attacker) {
			for range *frames {
				if a.framer.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		}, nil},
		{"empty pieces of a body", func(a *attacker) {
			a.request(1, a.block("/v1/nowhere"), false)
			for range *frames {
				if a.framer.WriteData(1, false, nil) != nil {
					return
				}
			}
		}, nil},
		{"a window that overflows", func(a *attacker) {
			for range 3 {
				a.framer.WriteWindowUpdate(0, 1<<31-1)
			}
		}, (*attacker).refused},
		{"a frame larger than agreed", func(a *attacker) {
			a.request(1, a.block("/v1/files"), false)
			a.framer.AllowIllegalWrites = true
			a.framer.WriteData(1, false, make([]byte, 1<<20))
		}, (*attacker).refused},
		{"priorities", func(a *attacker) {
			for n := range *frames {
				if a.framer.WritePriority(uint32(2*n+3), http2.PriorityParam{StreamDep: uint32(2*n + 1)}) != nil {
					return
				}
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := secureServer(t, 64)
			before := held()
			a := attack(t, s)
			tt.attack(a)
			for range 5 {
				resp, err := s.Client().Do(honestRequest(t, s))
				if err != nil {
					t.Fatalf("an honest client: %v", err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
					t.Errorf("an honest client: status %d, %s, %v", resp.StatusCode, resp.Proto, err)
				}
				resp.Body.Close()
			}
			for end := time.Now().Add(30 * time.Second); tt.want != nil && !tt.want(a) && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond)
			}
			if tt.want != nil && !tt.want(a) {
				t.Errorf("goes on: GOAWAY %d, %d good answers, %d resets", a.goaway.Load()-1, a.good.Load(), a.resets.Load())
			}
			if more := held() - before; more > 16<<20 {
				t.Errorf("%d MiB more are held", more>>20)
			}
		})
	}
}

func honestRequest(t *testing.T, s *httptest.Server) *http.Request {
	t.Helper()
	req, err := http.NewRequest("GET", s.URL+"/v1/files", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer right")
	return req
}

// held is how many bytes are in use, garbage left out.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Requests of HTTP/2 that stall count one by one, though they share a
// connection, and make room for others.
func TestStalledStreamsMakeRoom(t *testing.T) {
	t.Parallel()
	s, c := secureServer(t, 16*activeShare) // of which 16 requests
	a := attack(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for n := range 20 {
		a.head.Reset()
		for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/v1/uploads"}, {"authorization", "Bearer another"}} {
			a.encode.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if err := a.request(uint32(2*n+1), bytes.Clone(a.head.Bytes()), false); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := s.Client().Do(honestRequest(t, s))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("an honest client: %v, %v", resp, err)
		}
		resp.Body.Close()
		select {
		case <-a.ended:
			if c.active.Load() <= 16 { // once their handlers have noticed
				return
			}
		default:
		}
		if time.Now().After(end) {
			t.Fatal("20 stalled requests are kept where there is room for 16")
		}
	}
}

// Without TLS there is no HTTP/2, neither at once nor by an upgrade.
func TestNoHTTP2WithoutTLS(t *testing.T) {
	address, _ := crowdedServer(t, 64, nil)
	conn := dial(t, address, http2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") || strings.Count(string(answer), "HTTP/1.1") != 1 {
		t.Errorf("%q, %v", answer, err)
	}
}
