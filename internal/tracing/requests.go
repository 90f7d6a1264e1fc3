package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"uploadd/api"
	"uploadd/internal/server"
)

// longestState is how much of a tracestate is passed on, in bytes, which is what W3C
// asks for at least. It comes from anybody and goes to S3, which refuses requests whose
// headers are long.
const longestState = 512

// Requests is a [server.Config]'s Observe: a request becomes a span, a child of the one
// that its traceparent names. Those that ask for the server's health, every few seconds
// for years, become none.
func (e *Exporter) Requests(r *http.Request) (context.Context, func(server.Outcome)) {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		return r.Context(), func(server.Outcome) {}
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	ctx, span := e.tracer.Start(withParent(r), "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		semconv.URLScheme(scheme),
		semconv.NetworkProtocolVersion(version(r)),
	))
	return ctx, func(o server.Outcome) {
		if span.IsRecording() {
			e.describe(span, o)
		}
		span.End()
	}
}

// withParent returns the context of r, with the span that its sender made it in. What
// is no traceparent is passed over.
func withParent(r *http.Request) context.Context {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	if parent := trace.SpanContextFromContext(ctx); len(parent.TraceState().String()) > longestState {
		return trace.ContextWithRemoteSpanContext(ctx, parent.WithTraceState(trace.TraceState{}))
	}
	return ctx
}

func version(r *http.Request) string {
	if r.ProtoMajor == 1 {
		return fmt.Sprintf("1.%d", r.ProtoMinor)
	}
	return strconv.Itoa(r.ProtoMajor)
}

// describe says what became of a request: neither its path, which has ids and may have
// a key in the wrong place, nor anything else that its client has chosen.
func (e *Exporter) describe(span trace.Span, o server.Outcome) {
	span.SetName(o.Method + " " + o.Route)
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(o.Method),
		semconv.HTTPRoute(o.Route),
		semconv.HTTPRequestBodySize(int(o.In)),
		semconv.HTTPResponseBodySize(int(o.Out)),
		attribute.String("uploadd.request_id", o.RequestID),
	}
	if o.Status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(o.Status))
	}
	reason := ""
	if o.Err != nil {
		reason = e.reason(o.Err)
		attrs = append(attrs, attribute.String("uploadd.error", reason))
	}
	switch { // by the conventions, a request that the client is to blame for has not failed
	case o.BrokenOff:
		attrs = append(attrs, semconv.ErrorTypeKey.String("broken_off"))
		span.SetStatus(codes.Error, reason)
	case o.Status >= 500:
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(o.Status)))
		span.SetStatus(codes.Error, reason)
	}
	span.SetAttributes(attrs...)
}

// reason is what a request failed with, without what its client sent, which the message
// to the client quotes.
func (e *Exporter) reason(err error) string {
	var known *api.Error
	if !errors.As(err, &known) {
		return e.text(err)
	}
	reason := known.Reason()
	if cause := known.Unwrap(); cause != nil {
		reason += " (" + e.text(cause) + ")"
	}
	return reason
}
