package nodes

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/test/histories"
	"uploadd/test/ledger"
)

// load is what nodes are put under: histories whose every request goes to another of
// them, and lives of Uploads and Files whose every byte is known.
type load struct {
	*cluster
	t         *testing.T
	ledger    *ledger.Ledger
	histories []*client.Client
	lives     []*client.Client

	stop    context.CancelFunc
	running sync.WaitGroup
	seeds   atomic.Uint64

	mu       sync.Mutex
	recorded []*histories.History
}

const (
	recorders = 2 // histories at a time
	workers   = 2 // lives at a time
)

func newLoad(t *testing.T, c *cluster) *load {
	l := &load{cluster: c, t: t, ledger: &ledger.Ledger{}}
	l.histories = c.clients(c.project("histories"))
	l.lives = c.clients(c.project("lives"))
	l.seeds.Store(rand.Uint64() >> 1)
	return l
}

// begin puts the nodes under load until end.
func (l *load) begin() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.t.Cleanup(func() { stop(); l.running.Wait() })
	var ways []api.API
	for _, c := range l.histories {
		ways = append(ways, c)
	}
	for range recorders {
		l.running.Go(func() {
			for ctx.Err() == nil {
				h := histories.Record(l.t, ways, l.seeds.Add(1), excused)
				l.mu.Lock()
				l.recorded = append(l.recorded, h)
				l.mu.Unlock()
			}
		})
	}
	for i := range workers {
		l.running.Go(func() {
			for ctx.Err() == nil { // a worker gives up where nothing is answered
				seed := l.seeds.Add(1)
				l.ledger.Load(ctx, l.lives[(i+int(seed))%len(l.lives)], 1, seed)
			}
		})
	}
}

// end ends the load, and holds what was seen, and what every node shows now, to the
// promises.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.running.Wait()
	operations, unanswered := 0, 0
	for _, h := range l.recorded {
		operations += h.Operations()
		unanswered += h.Unanswered()
		h.Check(l.t)
	}
	for _, c := range l.lives {
		l.ledger.Verify(l.t.Context(), c, true)
	}
	if f := l.ledger.Faults(); len(f) > 0 {
		l.t.Errorf("%d promises were broken:\n%s", len(f), strings.Join(f, "\n"))
	}
	l.check()
	if l.ledger.Acked() == 0 || operations == 0 {
		l.t.Error("nothing was acknowledged: this has shown nothing")
	}
	l.t.Logf("%d histories of %d operations, of which the answers of %d changes were lost; %d other steps were acknowledged",
		len(l.recorded), operations, unanswered, l.ledger.Acked())
	l.recorded = nil
}
