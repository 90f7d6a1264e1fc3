package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"uploadd/internal/observe"
)

// Stores is an [observe.Observer]: a call in a request becomes a span of its own. What
// the server does by itself, every two seconds and again and again, becomes one only
// where it fails.
func (e *Exporter) Stores(ctx context.Context, store, operation string) (context.Context, func(error)) {
	name := store + "." + operation
	switch parent := trace.SpanFromContext(ctx); {
	case !parent.SpanContext().IsValid():
		return ctx, e.onlyFailed(ctx, name)
	case !parent.IsRecording():
		return ctx, func(error) {}
	}
	ctx, span := e.tracer.Start(ctx, name)
	return ctx, func(err error) { e.end(span, err) }
}

// onlyFailed makes a span of a call that began just now, if it fails.
func (e *Exporter) onlyFailed(ctx context.Context, name string) func(error) {
	began := time.Now()
	return func(err error) {
		if observe.Failed(err) {
			_, span := e.tracer.Start(ctx, name, trace.WithTimestamp(began))
			e.end(span, err)
		}
	}
}

// end ends the span of a call. An answer of the store is no failure, even if it is no.
func (e *Exporter) end(span trace.Span, err error) {
	if observe.Failed(err) {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, e.text(err))
	}
	span.End()
}
