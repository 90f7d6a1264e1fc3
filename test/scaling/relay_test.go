package scaling

import (
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
)

// relay is the way to a database. It counts the round trips, and makes each of them take
// longer.
type relay struct {
	url   string
	trips atomic.Int64
	delay time.Duration
}

// newRelay stands in front of the database at target.
func newRelay(t testing.TB, target string, delay time.Duration) *relay {
	t.Helper()
	u := uploadstest.Must(url.Parse(target))(t)
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { l.Close() })
	r := &relay{delay: delay}
	back := u.Host
	u.Host = l.Addr().String()
	r.url = u.String()
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			go r.connect(front, back)
		}
	}()
	return r
}

func (r *relay) connect(front net.Conn, address string) {
	back, err := net.Dial("tcp", address)
	if err != nil {
		front.Close()
		return
	}
	var answered atomic.Bool // since the last question
	answered.Store(true)
	go pass(front, back, func() {
		if answered.Swap(false) {
			r.trips.Add(1)
			time.Sleep(r.delay)
		}
	})
	pass(back, front, func() { answered.Store(true) })
}

// pass copies until one side ends, and calls before each time.
func pass(from, to net.Conn, before func()) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			before()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
