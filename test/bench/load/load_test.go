package load

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Held takes the bytes in whatever pieces, and no others.
func TestHeld(t *testing.T) {
	d := Data{Seed: 3, Size: block + 12345}
	var whole bytes.Buffer
	if n, err := d.WriteTo(&whole); n != d.Size || err != nil || int64(whole.Len()) != d.Size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	held := func(from int64, p []byte) error {
		h := d.HoldTo(from)
		for piece := range slices.Chunk(p, 1000) {
			h.Write(piece)
		}
		return h.Err(d.Size)
	}
	for _, from := range []int64{0, 1, block - 1, block, block + 1} {
		if err := held(from, whole.Bytes()[from:]); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
	for _, at := range []int{0, 1000, block, whole.Len() - 1} {
		changed := slices.Clone(whole.Bytes())
		changed[at] ^= 1
		if held(0, changed) == nil {
			t.Errorf("a changed byte at %d is not noticed", at)
		}
	}
	if held(0, whole.Bytes()[:whole.Len()-1]) == nil || held(0, append(whole.Bytes(), 0)) == nil {
		t.Error("other lengths are not noticed")
	}
	other := d.HoldTo(0)
	Data{Seed: 4, Size: d.Size}.WriteTo(other)
	if other.Err(d.Size) == nil {
		t.Error("the bytes of another seed are not noticed")
	}
}

// A server gets the requests whole, on as few connections as there are clients, and
// more where it closes them.
func TestConn(t *testing.T) {
	var mu sync.Mutex
	from := map[string]int{}
	var closing atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength {
			t.Errorf("%d bytes of %d: %v", len(body), r.ContentLength, err)
		}
		mu.Lock()
		from[r.RemoteAddr]++
		mu.Unlock()
		if closing.Load() {
			w.Header().Set("Connection", "close")
		}
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusTeapot)
			return
		}
		w.Write(body)
	}))
	defer s.Close()
	address := s.Listener.Addr().String()
	echo := func(c *Conn, i int) error {
		for _, size := range []int64{0, 5, 3 << 20} {
			d := Data{Seed: i, Size: size}
			into := d.HoldTo(0)
			if _, err := c.Do(Request{Method: "PUT", Path: "/", Data: d, Into: into}); err != nil {
				return err
			}
			if err := into.Err(size); err != nil {
				return err
			}
		}
		return nil
	}
	if err := Each(address, 12, 3, echo); err != nil || len(from) != 3 {
		t.Errorf("%v; %d connections for 3 clients", err, len(from))
	}
	closing.Store(true)
	if err := Each(address, 2, 1, echo); err != nil || len(from) != 9 {
		t.Errorf("%v; %d connections for 6 requests more", err, len(from)-3)
	}
	err := Each(address, 1, 1, func(c *Conn, _ int) error {
		_, err := c.Do(Request{Method: "GET", Path: "/refused"})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "status 418: no") {
		t.Errorf("a refusal is %v", err)
	}
}

// A rate is what was done over the time that it took.
func TestFor(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	var done atomic.Int64
	began := time.Now()
	rate, err := For(s.Listener.Addr().String(), 50*time.Millisecond, 2, func(*Conn, int) error {
		done.Add(1)
		time.Sleep(time.Millisecond)
		return nil
	})
	// On a slow machine it takes longer, and comes to less, but never to more.
	if most := float64(done.Load()) / 0.05; err != nil || rate <= 0 || rate > most || rate < float64(done.Load())/time.Since(began).Seconds() {
		t.Errorf("%d in %s are %.1f a second (%v)", done.Load(), time.Since(began), rate, err)
	}
}
