package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"hash/maphash"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conns bounds the connections of a server. Each holds memory and a file
// descriptor for as long as its client keeps it waiting. Nobody is turned away
// for it: where there are too many, those that have kept the server waiting the
// longest are closed, of those who have many before those who have few, and those
// that come find room.
//
// A stranger is a connection on which no key has been right yet. Strangers have
// half of the room, so that however many come and say nothing, those who are
// known stay, and one who says at once who it is gets in. Requests that wait for
// their client hold more than idle connections, so there may be fewer of them. One
// that the server itself is at work on is never cut off.
type conns struct {
	max int
	log *slog.Logger

	strangers atomic.Int64 // connections
	active    atomic.Int64 // requests of the known, of which HTTP/2 has many on one

	mu      sync.Mutex
	open    map[net.Conn]*peer
	looked  time.Time // when room was last looked for
	shed    int       // closed since the log was last told
	logged  time.Time
	started time.Time // peer.since counts from here
}

const (
	// maxConns is the most connections by default. A stranger costs about 20 KiB.
	maxConns = 4096
	// Requests that wait for their client, each of which may hold a buffer of
	// 512 KiB, have 1/activeShare of the room.
	activeShare = 8
	// progress is how many bytes must move to count as such.
	progress = 16 << 10
	// pause is the time between two looks for room.
	pause = 5 * time.Millisecond
)

// peer is the client on one connection. It has no conns if the server does not
// count them.
type peer struct {
	conns *conns
	conn  *refusingConn // nil if it is none
	known atomic.Bool
	owner atomic.Uint64 // a hash of the project, or of a stranger's address
	since atomic.Int64  // nanoseconds from conns.started; see waiting

	requests atomic.Int32 // in progress, with a key that was right
	working  atomic.Int32 // of those, the ones that do not wait for the client
	moved    atomic.Int64 // bytes since the last progress
}

type peerKey struct{}

var owners = maphash.MakeSeed()

func newConns(most int, log *slog.Logger) *conns {
	return &conns{max: most, log: log, open: map[net.Conn]*peer{}, started: time.Now()}
}

// context is the http.Server's ConnContext.
func (c *conns) context(ctx context.Context, conn net.Conn) context.Context {
	p := &peer{conns: c}
	if r, ok := conn.(*refusingConn); ok {
		p.conn, r.log = r, c.log
	}
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = "" // not of TCP: one owner for all of them
	}
	p.owner.Store(maphash.String(owners, host))
	p.wait()
	c.strangers.Add(1)
	c.mu.Lock()
	c.open[conn] = p
	c.mu.Unlock()
	c.makeRoom()
	return context.WithValue(ctx, peerKey{}, p)
}

// state is the http.Server's ConnState.
func (c *conns) state(conn net.Conn, state http.ConnState) {
	if r, ok := conn.(*refusingConn); ok && state == http.StateIdle {
		r.framing = framing{}
		r.answering.Store(false)
	}
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

// forget is called with mu held.
func (c *conns) forget(conn net.Conn) {
	if p := c.open[conn]; p != nil {
		delete(c.open, conn)
		p.introduce()
	}
}

// makeRoom closes connections if there are too many.
func (c *conns) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	crowded := len(c.open) > c.max || int(c.strangers.Load()) > c.max/2 || int(c.active.Load()) > c.max/activeShare
	if !crowded || now.Sub(c.looked) < pause {
		return
	}
	c.looked = now
	var strangers, known, active []waiting
	for conn, p := range c.open {
		w := waiting{Conn: conn, since: p.since.Load(), owner: p.owner.Load(), weight: 1}
		switch {
		case !p.known.Load():
			strangers = append(strangers, w)
		case p.requests.Load() == 0:
			known = append(known, w)
		case p.working.Load() == 0:
			known = append(known, w)
			w.weight = int(p.requests.Load())
			active = append(active, w)
		}
	}
	before := len(c.open)
	// Of strangers and idle ones some more go than have to, so that this has not to
	// be done for each one that comes.
	if most := len(strangers) - c.max/2; most > 0 {
		c.closeLongest(strangers, most+len(strangers)/16)
	}
	c.closeLongest(active, weigh(active)-c.max/activeShare)
	if most := len(c.open) - c.max; most > 0 {
		c.closeLongest(known, most+len(known)/16)
	}
	c.report(before-len(c.open), now)
}

// report tells the log, once in a while.
func (c *conns) report(closed int, now time.Time) {
	if c.shed += closed; c.shed > 0 && now.Sub(c.logged) > 10*time.Second {
		c.log.Warn("too many connections: those that kept the server waiting the longest were closed",
			"closed", c.shed, "open", len(c.open), "strangers", c.strangers.Load(), "active", c.active.Load())
		c.shed, c.logged = 0, now
	}
}

// waiting is a connection that could be closed, and since when it keeps us waiting.
type waiting struct {
	net.Conn
	since   int64
	owner   uint64
	weight  int // what it counts for
	younger int // the weight of the younger ones of the same owner
}

// order sorts a list into the order in which to close: first those of whose owner
// there are the most younger ones, and among equals the oldest. So the owner of a
// thousand loses all but ten before the owner of ten loses one.
func order(list []waiting) {
	slices.SortFunc(list, func(a, b waiting) int { return cmp.Compare(b.since, a.since) })
	count := map[uint64]int{}
	for i := range list {
		list[i].younger = count[list[i].owner]
		count[list[i].owner] += list[i].weight
	}
	slices.SortFunc(list, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(b.younger, a.younger), cmp.Compare(a.since, b.since))
	})
}

func weigh(list []waiting) (weight int) {
	for _, w := range list {
		weight += w.weight
	}
	return weight
}

// closeLongest closes a weight of most of those that wait. It is called with mu held.
func (c *conns) closeLongest(list []waiting, most int) {
	if most <= 0 {
		return
	}
	order(list)
	for _, w := range list {
		conn := w.Conn
		if c.open[conn] == nil {
			continue // closed as one of another list
		}
		c.forget(conn)
		if t, ok := conn.(*tls.Conn); ok {
			conn = t.NetConn() // whose goodbye would wait for the client
		}
		conn.Close() // the goroutine that serves it notices
		if most -= w.weight; most <= 0 {
			return
		}
	}
}

// answer says that an exchange begins. It returns whether the request gives two
// lengths of its body.
func (p *peer) answer() (twofold bool) {
	if p.conn == nil {
		return false
	}
	p.conn.answering.Store(true)
	return p.conn.framing.twofold()
}

// admit counts a request whose key was right, until leave.
func (p *peer) admit(c Caller) {
	p.working.Add(1)
	first := p.requests.Add(1) == 1
	if p.conns == nil {
		return
	}
	if first {
		p.introduce()
		if c.Key != "" { // without keys all projects are one
			p.owner.Store(maphash.String(owners, c.Project))
		}
		p.wait()
	}
	if int(p.conns.active.Add(1)) > p.conns.max/activeShare {
		p.conns.makeRoom()
	}
}

// introduce makes a stranger known.
func (p *peer) introduce() {
	if !p.known.Swap(true) {
		p.conns.strangers.Add(-1)
	}
}

// leave ends what admit began.
func (p *peer) leave() {
	p.working.Add(-1)
	p.wait()
	p.requests.Add(-1)
	if p.conns != nil {
		p.conns.active.Add(-1)
	}
}

// wait says that from now on the client keeps us waiting.
func (p *peer) wait() {
	if p.conns != nil {
		p.since.Store(int64(time.Since(p.conns.started)))
	}
}

// during makes move, which sends to the client of an admitted request or receives
// from it, a time of waiting, unless bytes move.
func (p *peer) during(move func() (int, error)) (int, error) {
	p.working.Add(-1)
	n, err := move()
	p.working.Add(1)
	if p.moved.Add(int64(n)) >= progress {
		p.moved.Store(0)
		p.wait()
	}
	return n, err
}
