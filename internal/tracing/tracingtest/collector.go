// Package tracingtest is a collector of OpenTelemetry for tests: it takes OTLP over
// HTTP, as its protobufs are defined, and keeps what it is sent.
package tracingtest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collecttraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector takes what is exported, or behaves as it is told.
type Collector struct {
	URL string

	misbehave http.HandlerFunc

	mu       sync.Mutex
	requests int
	headers  []http.Header
	raw      bytes.Buffer
	spans    []Span
	metrics  map[string]*metrics.Metric
}

// Span is one that was exported, with the resource that it came from.
type Span struct {
	*traces.Span
	Resource map[string]string
}

// New starts a collector. misbehave answers instead of it; nil takes everything.
func New(t testing.TB, misbehave http.HandlerFunc) *Collector {
	c := &Collector{misbehave: misbehave, metrics: map[string]*metrics.Metric{}}
	s := httptest.NewServer(c)
	t.Cleanup(func() {
		s.CloseClientConnections() // of those that wait for an answer
		s.Close()
	})
	c.URL = s.URL
	return c
}

func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests++
	c.headers = append(c.headers, r.Header)
	c.mu.Unlock()
	if c.misbehave != nil {
		c.misbehave(w, r)
		return
	}
	body, err := content(r)
	if err == nil {
		err = c.take(r.URL.Path, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func content(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func (c *Collector) take(path string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	if path == "/v1/metrics" {
		var req collectmetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &req); err != nil {
			return err
		}
		for _, of := range req.ResourceMetrics {
			for _, scope := range of.ScopeMetrics {
				for _, m := range scope.Metrics {
					c.metrics[m.Name] = m
				}
			}
		}
		return nil
	}
	var req collecttraces.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return err
	}
	for _, of := range req.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{s, byName(of.Resource.Attributes)})
			}
		}
	}
	return nil
}

// Requests is how many there were of any kind.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Header is the last value of a request's header; "" if there was none.
func (c *Collector) Header(name string) (value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.headers {
		value = h.Get(name)
	}
	return value
}

// Has says whether text is anywhere in what was exported.
func (c *Collector) Has(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.raw.Bytes(), []byte(text))
}

// Metric is the last one of that name; nil if there is none.
func (c *Collector) Metric(name string) *metrics.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Spans are those so far, in the order in which they were exported.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span{}, c.spans...)
}

// Until waits until what is true.
func Until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// Trace returns the span's trace, as a traceparent has it.
func (s Span) Trace() string { return hex.EncodeToString(s.TraceId) }

// ID returns the span's id, and Parent that of its parent, "" for none.
func (s Span) ID() string { return hex.EncodeToString(s.SpanId) }

// Parent returns the id of the span's parent, "" for none.
func (s Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Attributes are those of the span, as text.
func (s Span) Attributes() map[string]string { return byName(s.Span.Attributes) }

// Failed says whether the span has the status of an error.
func (s Span) Failed() bool { return s.Status.GetCode() == traces.Status_STATUS_CODE_ERROR }

// Serves says whether the span is one of a request that came in.
func (s Span) Serves() bool { return s.Kind == traces.Span_SPAN_KIND_SERVER }

func byName(attrs []*common.KeyValue) map[string]string {
	named := map[string]string{}
	for _, a := range attrs {
		_, text, _ := strings.Cut(a.Value.String(), ":")
		named[a.Key] = strings.Trim(text, `"`)
	}
	return named
}
