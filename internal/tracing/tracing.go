// Package tracing tells a collector of OpenTelemetry what the server does: a span for
// each request, for each call of a store in it and for each request to another server;
// and the metrics that others count. Nothing waits for the collector: what it does not
// take in time is lost.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Config says where to. Endpoint and Log are required.
type Config struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP, such as
	// http://127.0.0.1:4318. The path of each kind is added to it.
	Endpoint string
	Version  string // of this program
	// Redact takes out of the text of an error what must not leave the process. nil
	// leaves it as it is.
	Redact func(string) string
	// Log is told of a collector that does not take what is sent, once a minute at
	// most.
	Log *slog.Logger
}

// Exporter sends to a collector. Its methods may be called by many goroutines at once.
type Exporter struct {
	base    string // what the path of each kind is added to
	from    *resource.Resource
	tracer  trace.Tracer
	spans   *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider // nil as long as there are none to send
	redact  func(string) string
	report  *reporter
}

// flushTime is how long Close waits for the collector.
const flushTime = 2 * time.Second

// New begins to send. It does not ask whether there is a collector. What Config does
// not say, the variables of OpenTelemetry may (OTEL_TRACES_SAMPLER, for example, or
// OTEL_EXPORTER_OTLP_HEADERS).
//
// The library reports errors to one place of the process, which is c.Log from then on:
// there should be one Exporter in a process.
func New(ctx context.Context, c Config) (*Exporter, error) {
	if c.Redact == nil {
		c.Redact = func(text string) string { return text }
	}
	e := &Exporter{base: strings.TrimSuffix(c.Endpoint, "/"), redact: c.Redact, report: &reporter{log: c.Log, redact: c.Redact}}
	otel.SetErrorHandler(e.report)
	otel.SetLogger(logr.New(e.report))

	var err error
	e.from, err = resource.New(ctx,
		resource.WithService(), // an id of this process; and a name, which is replaced
		resource.WithAttributes(semconv.ServiceName("uploadd"), semconv.ServiceVersion(c.Version)),
		resource.WithHost(),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv())
	if err != nil { // of which some is known all the same
		e.report.Error(err, "the resource")
	}
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(e.base+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("sending traces: %w", err)
	}
	// A span that ends by a panic would record its value, which may hold anything.
	e.spans = sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(e.from), sdktrace.WithoutPanicRecording())
	e.tracer = e.spans.Tracer("uploadd", trace.WithInstrumentationVersion(c.Version), trace.WithSchemaURL(semconv.SchemaURL))
	return e, nil
}

// SendMetrics sends what g gathers, too: once a minute, unless
// OTEL_METRIC_EXPORT_INTERVAL says otherwise. It is called once at most, and before
// Close.
func (e *Exporter) SendMetrics(ctx context.Context, g prometheus.Gatherer) error {
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(e.base+"/v1/metrics"))
	if err != nil {
		return fmt.Errorf("sending metrics: %w", err)
	}
	e.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(e.from), sdkmetric.WithReader(
		sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(g))))))
	return nil
}

// Close sends what there still is, for as long as flushTime, and ends. Nothing is sent of
// what happens afterwards. It is called once.
func (e *Exporter) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	shutdowns := []func(context.Context) error{e.spans.Shutdown}
	if e.metrics != nil {
		shutdowns = append(shutdowns, e.metrics.Shutdown)
	}
	var ending sync.WaitGroup
	for _, shutdown := range shutdowns {
		ending.Go(func() {
			if err := shutdown(ctx); err != nil {
				e.report.Handle(err)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		ending.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(2 * flushTime): // what metrics are gathered from hangs
	}
}

// text is that of an error, for a span.
func (e *Exporter) text(err error) string { return cut(e.redact(err.Error())) }

// cut bounds a text that others had a part in.
func cut(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
