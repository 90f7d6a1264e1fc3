package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"uploadd/internal/hooks"
	"uploadd/internal/metrics"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
)

// metricsFlags are of the listener for Prometheus.
type metricsFlags struct {
	MetricsListen string `placeholder:"HOST:PORT" help:"Serve metrics for Prometheus at /metrics on this address, such as 127.0.0.1:9464, to whoever reaches it. They are served nowhere else."`
}

func (f metricsFlags) validateMetrics() error {
	if f.MetricsListen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(f.MetricsListen); err != nil {
		return fmt.Errorf("--metrics-listen=%s: %w: write it like 127.0.0.1:9464", f.MetricsListen, err)
	}
	return nil
}

// measuring is the metrics of a server, and where they are to be served. nil measures
// nothing.
type measuring struct {
	*metrics.Metrics
	address string
}

// measure has the stores tell of their commits and flushes, if somebody is to know.
func (f metricsFlags) measure(st *stores, otlp *collector) *measuring {
	if f.MetricsListen == "" && otlp == nil {
		return nil
	}
	m := &measuring{metrics.New(), f.MetricsListen}
	st.meta.Committed = m.Committed
	if st.disk != nil {
		st.disk.Flushed = m.Flushed
	}
	return m
}

// calls is the observer of the calls of stores, nil for none.
func (m *measuring) calls() observe.Observer {
	if m == nil {
		return nil
	}
	return m.Call
}

// requests is the observer of the server's requests, nil for none.
func (m *measuring) requests() func(*http.Request) (context.Context, func(server.Outcome)) {
	if m == nil {
		return nil
	}
	return m.Request
}

// serve answers Prometheus until it is stopped, while requests in flight may finish, too;
// and sends the metrics to a collector.
func (m *measuring) serve(ctx context.Context, st *stores, svc *uploads.Service, told func() hooks.Counts, otlp *collector, log *slog.Logger) (stop func() error, err error) {
	nothing := func() error { return nil }
	if m == nil {
		return nothing, nil
	}
	c := metrics.Config{Totals: st.meta.Totals, Ready: svc.Ready, Now: svc.Now, Told: told, Log: log}
	c.Version, c.Revision = built()
	if st.disk != nil {
		c.Space = st.disk.Space
	}
	handler := m.Handler(c)
	if err := otlp.sendMetrics(ctx, m.Gatherer()); err != nil {
		return nil, err
	}
	if m.address == "" {
		return nothing, nil
	}
	listener, err := net.Listen("tcp", m.address)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen=%s: %w", m.address, err)
	}
	local := port{address: listener.Addr().String()}.loopback()
	return serveBeside(listener, "metrics", "/metrics", serveMetrics(handler, local), log), nil
}

// scrapeTime is how long an answer may take, with what it waits for the stores.
const scrapeTime = 30 * time.Second

// serveMetrics serves h at /metrics. On a local address it is for the programs of this
// machine: a page in a browser could name this listener by a name of its own, and read
// what others cannot reach.
func serveMetrics(h http.Handler, local bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if local && !server.FromThisMachine(r) {
			http.Error(w, "this listener is for the programs of its own machine", http.StatusForbidden)
			return
		}
		// Whoever does not take the answer is in the way of others: few are answered at a time.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(scrapeTime)) // one that is gone is cut off anyway
		mux.ServeHTTP(w, r)
	})
}
