package postgres

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is a way to a Server that can be broken.
type Proxy struct {
	Port int

	mu       sync.Mutex
	changed  *sync.Cond // for those that hang
	target   int        // the server's port
	links    []*link
	cut      bool
	hanging  bool
	delay    time.Duration // of each message to the server
	before   int           // COMMITs before that for
	onCommit func(forward func())
}

// link is one connection by way of the proxy.
type link struct {
	client, server net.Conn

	mu       sync.Mutex
	muted    bool // answers are for nobody
	answered chan struct{}
}

// NewProxy opens a way to s until the test ends.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, target: s.Port}
	p.changed = sync.NewCond(&p.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Mend()
		p.Cut()
		running.Wait()
	})
	return p
}

// URL is the URL of a database of the server's, by way of the proxy.
func (p *Proxy) URL(s *Server, url string) string {
	return strings.ReplaceAll(url, ":"+strconv.Itoa(s.Port), ":"+strconv.Itoa(p.Port))
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

// end closes all connections. p.mu is held.
func (p *Proxy) end() {
	for _, l := range p.links {
		l.close()
	}
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// Cut ends all connections, and those that come until Mend.
func (p *Proxy) Cut() { p.set(func() { p.cut = true; p.end() }) }

// Hang lets nothing pass until Mend, and tells nobody.
func (p *Proxy) Hang() { p.set(func() { p.hanging = true }) }

// Slow lets every message to the server wait for so long, until Mend.
func (p *Proxy) Slow(delay time.Duration) { p.set(func() { p.delay = delay }) }

// Mend ends what Cut, Hang, Slow and AtCommit began.
func (p *Proxy) Mend() {
	p.set(func() { p.cut, p.hanging, p.delay, p.onCommit = false, false, 0, nil })
}

// AtCommit has the nth COMMIT from now on handed to do instead of the server, and ends the
// connection when do returns. forward gives it to the server, and returns when that has
// answered, or is gone; nobody is told the answer. The function that AtCommit returns
// waits until all of this has happened.
func (p *Proxy) AtCommit(n int, do func(forward func())) (wait func()) {
	done := make(chan struct{})
	p.set(func() {
		p.before = n - 1
		p.onCommit = func(forward func()) {
			defer close(done)
			do(forward)
		}
	})
	return func() { <-done }
}

// serve passes on what comes on c.
func (p *Proxy) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.target)))
	if err != nil {
		return
	}
	l := &link{client: c, server: s, answered: make(chan struct{})}
	defer l.close()
	p.set(func() {
		if p.links = append(p.links, l); p.cut {
			l.close()
		}
	})
	var answers sync.WaitGroup
	answers.Go(func() { p.answer(l) })
	p.ask(l)
	l.close()
	answers.Wait()
	p.set(func() { p.links = slices.DeleteFunc(p.links, func(open *link) bool { return open == l }) })
}

// answer passes on what the server says.
func (p *Proxy) answer(l *link) {
	defer l.client.Close()
	defer close(l.answered)
	b := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(b)
		p.pass(0)
		l.mu.Lock()
		muted := l.muted
		l.mu.Unlock()
		if muted {
			return
		}
		if _, werr := l.client.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// ask passes on what the server is asked, message by message.
func (p *Proxy) ask(l *link) {
	r := bufio.NewReader(l.client)
	for typed := false; ; typed = true { // but for the first
		m, err := message(r, typed)
		if err != nil {
			return
		}
		p.pass(p.pace())
		if do := p.takeCommit(m); do != nil {
			l.mu.Lock()
			l.muted = true
			l.mu.Unlock()
			do(func() {
				l.server.Write(m) // an error shows as an end
				<-l.answered
			})
			return
		}
		if _, err := l.server.Write(m); err != nil {
			return
		}
	}
}

// message reads one message of the protocol: perhaps a type, a length that counts
// itself, and the rest.
func message(r *bufio.Reader, typed bool) ([]byte, error) {
	head := 4
	if typed {
		head = 5
	}
	m, err := r.Peek(head)
	if err != nil {
		return nil, err
	}
	m = make([]byte, head-4+int(binary.BigEndian.Uint32(m[head-4:])))
	_, err = io.ReadFull(r, m)
	return m, err
}

// takeCommit returns who waits for a COMMIT, if m is one.
func (p *Proxy) takeCommit(m []byte) (do func(forward func())) {
	if !bytes.EqualFold(m[min(5, len(m)):], []byte("commit\x00")) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.before > 0 {
		p.before--
		return nil
	}
	do, p.onCommit = p.onCommit, nil
	return do
}

func (p *Proxy) pace() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// pass waits for delay, and while the proxy hangs.
func (p *Proxy) pass(delay time.Duration) {
	time.Sleep(delay)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hanging {
		p.changed.Wait()
	}
}
