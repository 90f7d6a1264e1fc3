// Package metrics counts what the server does, for Prometheus: requests, calls of the
// stores, commits and flushes as they happen, and what is kept whenever it is asked.
// docs/metrics.md describes each series. None of them has a label that grows with what
// clients send, or that tells one project from another.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"uploadd/internal/blob"
	"uploadd/internal/hooks"
	"uploadd/internal/meta"
)

// Config says where the numbers come from that are not counted here. They are asked
// for whenever somebody scrapes.
type Config struct {
	Totals func(context.Context) (*meta.Totals, error)
	Ready  func(context.Context) error
	Space  func() (blob.Space, error) // nil where no blobs are on a disk
	Told   func() hooks.Counts
	Now    func() time.Time // by which things are due
	Log    *slog.Logger

	Version, Revision string // of the program
}

// Metrics is all series of one server.
type Metrics struct {
	registry *prometheus.Registry
	requests *requests
	stores   *stores
	commits  *commits
	flushes  *flushes
}

// New returns the series, all of them at their beginning.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.requests = newRequests(m.registry)
	m.stores = newStores(m.registry)
	m.commits = newCommits(m.registry)
	m.flushes = newFlushes(m.registry)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// scrapesAtOnce is how many scrapes are answered at a time; the others are told to come
// again.
const scrapesAtOnce = 4

// Handler serves the series in the formats of Prometheus. One that cannot be told is
// left out, and the others are told. It is called once.
func (m *Metrics) Handler(c Config) http.Handler {
	m.registry.MustRegister(newKept(c), told(c.Told), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "uploadd_build_info",
		Help:        "1, with what the program was built from.",
		ConstLabels: prometheus.Labels{"version": c.Version, "revision": c.Revision, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(c.Log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
	})
}

// Gatherer gathers the series, those that Handler was told of included.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// seconds are the bounds of what a store takes: from what a page cache needs to what no
// client waits for.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histogram(name, help string, bounds []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds})
}

func histograms(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
}
