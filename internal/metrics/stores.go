package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"uploadd/internal/meta"
	"uploadd/internal/observe"
)

// stores counts the calls of the stores.
type stores struct {
	duration *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	parts    prometheus.Gauge
	known    sync.Map // call → *callSeries
}

type call struct{ store, op string }

// callSeries are those of one method of a store.
type callSeries struct {
	duration prometheus.Observer // nil where it says nothing
	errors   prometheus.Counter
	inFlight prometheus.Gauge // nil where nobody counts
}

func newStores(r prometheus.Registerer) *stores {
	s := &stores{
		duration: histograms("uploadd_store_duration_seconds", "What a call of a store took.", seconds, "store", "op"),
		errors:   counters("uploadd_store_errors_total", "Calls of a store that failed, through no fault of the client.", "store", "op"),
		parts:    gauge("uploadd_parts_in_flight", "Parts, and Files sent in one piece, that are being stored."),
	}
	r.MustRegister(s.duration, s.errors, s.parts)
	return s
}

// Call is the observer of the stores.
func (m *Metrics) Call(ctx context.Context, store, op string) (context.Context, func(error)) {
	s := m.stores.of(call{store, op})
	if s.inFlight != nil {
		s.inFlight.Inc()
	}
	began := time.Now()
	return ctx, func(err error) {
		if s.inFlight != nil {
			s.inFlight.Dec()
		}
		if s.duration != nil {
			s.duration.Observe(time.Since(began).Seconds())
		}
		if observe.Failed(err) {
			s.errors.Inc()
		}
	}
}

// of returns the series of a method. They are there from its first call on, and so
// before it first fails: what begins with 1 shows no increase.
func (s *stores) of(c call) *callSeries {
	if known, ok := s.known.Load(c); ok {
		return known.(*callSeries)
	}
	one := &callSeries{errors: s.errors.WithLabelValues(c.store, c.op)}
	if c != (call{observe.StoreBlobs, "read"}) { // it lasts as long as its reader takes
		one.duration = s.duration.WithLabelValues(c.store, c.op)
	}
	if c == (call{observe.StoreBlobs, "put"}) {
		one.inFlight = s.parts
	}
	known, _ := s.known.LoadOrStore(c, one)
	return known.(*callSeries)
}

// commits counts those of the database.
type commits struct {
	duration prometheus.Histogram
	steps    prometheus.Counter
	errors   prometheus.Counter
}

func newCommits(r prometheus.Registerer) *commits {
	c := &commits{
		duration: histogram("uploadd_commit_duration_seconds", "What a commit of the records took, with the flush of the database's log.", seconds),
		steps:    counter("uploadd_commit_steps_total", "Steps that were committed, of which a commit may hold many."),
		errors:   counter("uploadd_commit_errors_total", "Commits that failed."),
	}
	r.MustRegister(c.duration, c.steps, c.errors)
	return c
}

// Committed is told of each commit of the records.
func (m *Metrics) Committed(_ context.Context, c meta.Commit) {
	m.commits.duration.Observe(c.Took.Seconds())
	if c.Err != nil {
		m.commits.errors.Inc()
		return
	}
	m.commits.steps.Add(float64(c.Steps))
}

// flushes counts those of blobs on a disk.
type flushes struct {
	duration prometheus.Histogram
	errors   prometheus.Counter
}

func newFlushes(r prometheus.Registerer) *flushes {
	f := &flushes{
		duration: histogram("uploadd_flush_duration_seconds", "What the flush of a blob took, of its file and of its name.", seconds),
		errors:   counter("uploadd_flush_errors_total", "Flushes of blobs that failed."),
	}
	r.MustRegister(f.duration, f.errors)
	return f
}

// Flushed is told of each flush of a blob.
func (m *Metrics) Flushed(_ context.Context, took time.Duration, err error) {
	m.flushes.duration.Observe(took.Seconds())
	if err != nil {
		m.flushes.errors.Inc()
	}
}
