package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"uploadd/internal/access"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/tracing"
)

// otlpFlags say which collector is told of what the server does.
type otlpFlags struct {
	OTLP string `secret:"" placeholder:"URL" help:"Send traces and metrics to this collector of OpenTelemetry, by OTLP over HTTP: http://127.0.0.1:4318. The variables OTEL_… say the rest: what is sampled, and with which headers it is sent."`
}

func (f *otlpFlags) validateOTLP() error {
	if f.OTLP == "" {
		return nil
	}
	u, err := url.Parse(f.OTLP)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("--otlp=%s: write it like http://127.0.0.1:4318", redactURL(f.OTLP))
	case u.User != nil, u.RawQuery != "":
		return fmt.Errorf("--otlp=%s: neither a password in it nor a query would be sent: put what the collector asks for into OTEL_EXPORTER_OTLP_HEADERS", redactURL(f.OTLP))
	}
	return nil
}

// startOTLP begins to tell the collector. It returns nil where there is to be none.
func (f *otlpFlags) startOTLP(ctx context.Context, log *slog.Logger) (*collector, error) {
	if f.OTLP == "" {
		return nil, nil
	}
	version, _ := built()
	e, err := tracing.New(ctx, tracing.Config{Endpoint: f.OTLP, Version: version, Redact: access.Redact, Log: log})
	if err != nil {
		return nil, fmt.Errorf("--otlp: %w", err)
	}
	return &collector{e}, nil
}

// collector is told of what the server does; nil is none.
type collector struct{ *tracing.Exporter }

// transport is for the requests that the server makes itself; nil changes nothing.
func (c *collector) transport() func(http.RoundTripper) http.RoundTripper {
	if c == nil {
		return nil
	}
	return c.Transport
}

// log adds the ids of traces to lines.
func (c *collector) log(log *slog.Logger) *slog.Logger {
	if c == nil {
		return log
	}
	return tracing.Log(log)
}

// calls has the collector told of the calls of stores besides first, who may be nil.
func (c *collector) calls(first observe.Observer) observe.Observer {
	if c == nil {
		return first
	}
	if first == nil {
		return c.Stores
	}
	return func(ctx context.Context, store, operation string) (context.Context, func(error)) {
		ctx, endFirst := first(ctx, store, operation)
		ctx, end := c.Stores(ctx, store, operation)
		return ctx, func(err error) {
			end(err)
			endFirst(err)
		}
	}
}

// observer is who is told of requests.
type observer = func(*http.Request) (context.Context, func(server.Outcome))

// requests has the collector told of requests besides first, who may be nil.
func (c *collector) requests(first observer) observer {
	if c == nil {
		return first
	}
	if first == nil {
		return c.Requests
	}
	return func(r *http.Request) (context.Context, func(server.Outcome)) {
		ctx, endFirst := first(r)
		ctx, end := c.Requests(r.WithContext(ctx))
		return ctx, func(o server.Outcome) {
			end(o)
			endFirst(o)
		}
	}
}

// sendMetrics has the collector told what g gathers, unless the variable of OpenTelemetry
// for this says not to: there are collectors that take nothing but traces.
func (c *collector) sendMetrics(ctx context.Context, g prometheus.Gatherer) error {
	if c == nil || os.Getenv("OTEL_METRICS_EXPORTER") == "none" {
		return nil
	}
	if err := c.SendMetrics(ctx, g); err != nil {
		return fmt.Errorf("--otlp: %w", err)
	}
	return nil
}

// close sends what was not sent yet.
func (c *collector) close() {
	if c != nil {
		c.Close()
	}
}
