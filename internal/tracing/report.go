package tracing

import (
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// reportEvery is how often it is logged, at most, that a collector takes nothing.
const reportEvery = time.Minute

// reporter logs what goes wrong within the library. It is the library's handler of
// errors and the sink of its log.
type reporter struct {
	log    *slog.Logger
	redact func(string) string

	mu     sync.Mutex
	last   time.Time // when something was logged; zero is never
	silent int       // how many errors were not logged since
}

// Handle is told of an export that failed.
func (r *reporter) Handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && time.Since(r.last) < reportEvery {
		r.silent++
		return
	}
	attrs := []any{"err", cut(r.redact(err.Error()))}
	if r.silent > 0 {
		attrs = append(attrs, "failures_before", r.silent)
	}
	r.log.Warn("the collector does not take traces and metrics: what it was not given is lost", attrs...)
	r.last, r.silent = time.Now(), 0
}

// Init is for logr.
func (r *reporter) Init(logr.RuntimeInfo) {}

// Enabled says that errors are enough.
func (r *reporter) Enabled(int) bool { return false }

// Info is not called.
func (r *reporter) Info(int, string, ...any) {}

// Error is told of a variable of OpenTelemetry that is not understood. Neither the
// error nor the values are logged: among them are the headers of
// OTEL_EXPORTER_OTLP_HEADERS, which are there for secrets.
func (r *reporter) Error(_ error, what string, _ ...any) {
	r.log.Warn("OpenTelemetry does not understand all of its settings: look at the variables whose names begin with OTEL_", "what", what)
}

// WithValues is for logr.
func (r *reporter) WithValues(...any) logr.LogSink { return r }

// WithName is for logr.
func (r *reporter) WithName(string) logr.LogSink { return r }
