package transfer

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/client/transfer"
)

// A link as it is between a house and a data centre. A connection has so much on
// its way at most, which is what Linux lets a sender have unless it is told
// otherwise.
const (
	roundTrip = 40 * time.Millisecond
	linkRate  = 125 << 20 // bytes a second, of all connections
	window    = 2 << 20   // bytes, of each
	chunk     = 64 << 10
)

// BenchmarkDelay tells how long sending takes over such a link, by an Uploader
// and by sending one Part after the other, as the Python SDK's helper does.
func BenchmarkDelay(b *testing.B) {
	const part = 64 << 20
	size := int64(*gib) << 30
	path := filepath.Join(b.TempDir(), "whole")
	fill(b, path, size)
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s := httptest.NewServer(http.HandlerFunc(discard))
	defer s.Close()
	c, err := client.New(client.Config{BaseURL: "http://" + delayed(b, strings.TrimPrefix(s.URL, "http://")) + "/v1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("transfer", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			u := &transfer.Uploader{Client: c}
			if _, err := u.UploadFile(b.Context(), path, transfer.Request{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one after the other", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			up, err := c.CreateUpload(b.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: size})
			for at := int64(0); err == nil && at < size; at += part {
				_, err = c.AddPart(b.Context(), up.ID, io.NewSectionReader(f, at, part))
			}
			if err == nil {
				_, err = c.CompleteUpload(b.Context(), up.ID, api.CompleteUploadRequest{})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// delayed returns the address of a link to the server at address. The whole round
// trip is on the way there, which comes to the same.
func delayed(b *testing.B, address string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	k := &link{}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			go k.join(from, address)
		}
	}()
	return l.Addr().String()
}

// link is what all connections share.
type link struct {
	mu   sync.Mutex
	next time.Time // when what was let in has passed
}

type packet struct {
	data []byte
	due  time.Time
}

func (k *link) join(from net.Conn, address string) {
	defer from.Close()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	go io.Copy(from, to) // ends with either of them
	packets := make(chan packet, window/chunk)
	go func() {
		defer close(packets)
		for {
			buf := make([]byte, chunk)
			n, err := from.Read(buf)
			if n > 0 {
				packets <- packet{buf[:n], k.pass(n)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range packets {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			from.Close()
		}
	}
}

// pass says when n bytes that are let in now arrive.
func (k *link) pass(n int) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.next.Before(now) {
		k.next = now
	}
	k.next = k.next.Add(time.Duration(n) * time.Second / linkRate)
	return k.next.Add(roundTrip)
}
