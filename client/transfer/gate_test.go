package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uploadd/api"
)

// load sends Parts of 1 MiB through g for a while, over a link whose speed
// depends on how many are on their way, and returns how many those are in the end.
func load(g *gate, length time.Duration, speed func(busy int64) float64) int {
	var busy atomic.Int64
	var senders sync.WaitGroup
	end := time.Now().Add(length)
	for time.Now().Before(end) {
		if err := g.enter(context.Background()); err != nil {
			panic(err)
		}
		senders.Go(func() {
			n := busy.Add(1)
			time.Sleep(time.Duration(float64(n) / speed(n) * float64(time.Second)))
			busy.Add(-1)
			g.leave(1 << 20)
		})
	}
	senders.Wait()
	return g.limit
}

func TestGate(t *testing.T) {
	for _, tt := range []struct {
		name     string
		speed    func(busy int64) float64 // Parts a second
		min, max int
	}{
		{"each has its own limit", func(n int64) float64 { return float64(n) }, 14, mostParallel},
		{"four fill the link", func(n int64) float64 { return float64(min(n, 4)) }, 3, 7},
		{"one fills the link", func(int64) float64 { return 1 }, 3, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := load(newGate(0), 5*time.Minute, tt.speed); got < tt.min || got > tt.max {
					t.Errorf("it ends with %d at a time, want %d to %d", got, tt.min, tt.max)
				}
			})
		})
	}
}

// Refused together it eases once, and looks for more again when it is calm.
func TestGateEases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := func(n int64) float64 { return float64(n) }
		g := newGate(0)
		load(g, 5*time.Minute, alone)
		before := g.limit
		for range before {
			g.ease()
		}
		if g.limit != before/2 {
			t.Errorf("from %d it went to %d", before, g.limit)
		}
		time.Sleep(2 * time.Second)
		g.ease()
		if g.limit != before/4 {
			t.Errorf("from %d it went to %d", before/2, g.limit)
		}
		if got := load(g, 10*time.Minute, alone); got < before-2 {
			t.Errorf("it ends with %d at a time, where it had %d", got, before)
		}
		fixed := newGate(3)
		fixed.ease()
		if fixed.limit != 3 || load(fixed, time.Minute, alone) != 3 {
			t.Errorf("a number that was given became %d", fixed.limit)
		}
	})
}

// Who waits at the gate leaves with its context.
func TestGateCancelled(t *testing.T) {
	g := newGate(1)
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	oops := errors.New("oops")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(oops)
	if err := g.enter(ctx); err != oops {
		t.Error(err)
	}
}

// All bytes together take their time, however many send them.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{perSecond: 1000}
		start := time.Now()
		var senders sync.WaitGroup
		for range 10 {
			senders.Go(func() {
				for range 10 {
					if err := p.wait(t.Context(), 100); err != nil {
						t.Error(err)
					}
				}
			})
		}
		senders.Wait()
		// The last ones have left, and have not taken their own time yet.
		if took := time.Since(start); took != 9900*time.Millisecond {
			t.Errorf("10,000 bytes took %v", took)
		}
	})
}

func TestRetriable(t *testing.T) {
	for _, tt := range []struct {
		err   error
		again bool
		asked time.Duration
	}{
		{fmt.Errorf("client: %w", net.ErrClosed), true, 0},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false, 0},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, true, 0},
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, false, 0},
		{http.ErrSchemeMismatch, false, 0},
		{errNotOurs, true, 0},
		{&sourceError{net.ErrClosed}, false, 0},
		{&api.Error{Status: 503, RetryAfter: 3}, true, 3 * time.Second},
		{&api.Error{Status: 503, RetryAfter: 86400}, true, mostAsked},
		{&api.Error{Status: 507}, false, 0},
		{&api.Error{Status: 507, RetryAfter: 5}, true, 5 * time.Second},
		{fmt.Errorf("%w: %w", ErrUnknownOutcome, &api.Error{Status: 503}), false, 0},
	} {
		if again, asked := retriable(tt.err); again != tt.again || asked != tt.asked {
			t.Errorf("%v: %v, %v", tt.err, again, asked)
		}
	}
}
