package metrics

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"uploadd/internal/server"
	"uploadd/internal/uploads"
)

// requests counts those of the API and of the page.
type requests struct {
	answered  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	received  *prometheus.CounterVec
	sent      *prometheus.CounterVec
	brokenOff *prometheus.CounterVec
	damage    prometheus.Counter
}

// durations are the bounds of a request's time: a Part of 64 MiB takes long on a slow
// line, and that is no fault.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}

func newRequests(r prometheus.Registerer) *requests {
	q := &requests{
		answered:  counters("uploadd_http_requests_total", "Requests that were answered.", "route", "method", "code"),
		duration:  histograms("uploadd_http_request_duration_seconds", "From a request's header to the end of its answer.", durations, "route", "method"),
		inFlight:  gauge("uploadd_http_requests_in_flight", "Requests that are being answered."),
		received:  counters("uploadd_http_received_bytes_total", "Bytes of requests' bodies.", "route"),
		sent:      counters("uploadd_http_sent_bytes_total", "Bytes of answers' bodies.", "route"),
		brokenOff: counters("uploadd_http_broken_off_total", "Answers that began and did not end: the client left, or what was to be sent could not be read.", "route"),
		damage:    counter("uploadd_damage_found_total", "Requests that found stored bytes damaged or gone."),
	}
	r.MustRegister(q.answered, q.duration, q.inFlight, q.received, q.sent, q.brokenOff, q.damage)
	return q
}

// Request is the server's observer.
func (m *Metrics) Request(r *http.Request) (context.Context, func(server.Outcome)) {
	m.requests.inFlight.Inc()
	return r.Context(), m.requests.end
}

func (q *requests) end(o server.Outcome) {
	q.inFlight.Dec()
	q.answered.WithLabelValues(o.Route, o.Method, strconv.Itoa(o.Status)).Inc()
	q.duration.WithLabelValues(o.Route, o.Method).Observe(o.Took.Seconds())
	q.received.WithLabelValues(o.Route).Add(float64(o.In))
	q.sent.WithLabelValues(o.Route).Add(float64(o.Out))
	brokenOff := q.brokenOff.WithLabelValues(o.Route) // there before the first one, so that it shows as an increase
	if o.BrokenOff {
		brokenOff.Inc()
	}
	if damaged(o) {
		q.damage.Inc()
	}
}

// damaged says whether the server was to blame for what it could not read. A blob that is
// gone is a missing record's error too, but that one is answered.
func damaged(o server.Outcome) bool {
	gone := errors.Is(o.Err, fs.ErrNotExist) && (o.Status >= http.StatusInternalServerError || o.BrokenOff)
	return gone || errors.Is(o.Err, uploads.ErrCorrupt)
}
