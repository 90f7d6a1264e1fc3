package histories

import (
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/test/program"
)

var histories = flag.Int("histories", 150, "how many histories are made and checked")

func TestMain(m *testing.M) { program.Main(m) }

func TestHistories(t *testing.T) {
	s := program.Start(t, program.Options{})
	var next, operations, unanswered atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for seed := next.Add(1); seed <= int64(*histories); seed = next.Add(1) {
				h := Record(t, []api.API{s.Client}, uint64(seed), func(error) bool { return false })
				operations.Add(int64(h.Operations()))
				unanswered.Add(int64(h.Unanswered()))
				h.Check(t)
			}
		})
	}
	wg.Wait()
	program.Check(t, s.Data)
	t.Logf("%d histories of %d clients, %d operations of which the answers of %d changes were lost, in %s",
		*histories, clients, operations.Load(), unanswered.Load(), time.Since(began).Round(time.Second))
}
