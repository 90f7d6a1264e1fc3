package transfer

import (
	"context"
	"sync"
	"time"
)

const (
	firstParallel = 4
	mostParallel  = 16
	// worthIt is how much faster more at a time must make it to be kept.
	worthIt = 1.1
	// calm is for how long after the server asked for less no more is tried.
	calm = 30 * time.Second
)

// gate lets a number of requests with data through at a time. Unless the number
// is given it looks for a good one: it raises it as long as that pays, and
// halves it when the server has too much to do.
type gate struct {
	mu      sync.Mutex
	limit   int
	fixed   bool
	busy    int
	changed chan struct{} // closed when busy or limit changes

	growing bool
	best    float64   // bytes a second, of the windows so far
	start   time.Time // of the window: as many successes as limit
	bytes   int64
	count   int
	cut     time.Time // when limit was last halved
}

func newGate(parallel int) *gate {
	g := &gate{limit: parallel, fixed: parallel > 0, changed: make(chan struct{})}
	if !g.fixed {
		g.limit, g.growing = firstParallel, true
	}
	return g
}

// enter waits for its turn. Who has entered leaves.
func (g *gate) enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		if g.busy < g.limit && ctx.Err() == nil {
			if g.busy == 0 {
				g.restart(time.Now())
			}
			g.busy++
			g.mu.Unlock()
			return nil
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave makes room for another one. sent is how many bytes arrived, 0 for a
// failure.
func (g *gate) leave(sent int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if sent > 0 && !g.fixed {
		g.learn(sent, time.Now())
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// learn looks at how fast it went whenever a window is full.
func (g *gate) learn(sent int64, now time.Time) {
	g.bytes += sent
	if g.count++; g.count < g.limit {
		return
	}
	rate := float64(g.bytes) / max(now.Sub(g.start).Seconds(), 1e-6)
	g.restart(now)
	switch {
	case !g.growing:
		if !g.cut.IsZero() && now.Sub(g.cut) > calm {
			g.growing, g.best, g.cut = true, 0, time.Time{}
		}
	case rate > g.best*worthIt:
		g.best = rate
		g.limit = min(g.limit+2, mostParallel)
	default:
		g.growing = false
		g.limit = max(g.limit-2, 1)
	}
}

// ease halves the limit, once for all that were refused together.
func (g *gate) ease() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.fixed || now.Sub(g.cut) < time.Second {
		return
	}
	g.limit, g.growing, g.cut = max(g.limit/2, 1), false, now
	g.restart(now)
}

func (g *gate) restart(now time.Time) { g.start, g.bytes, g.count = now, 0, 0 }
