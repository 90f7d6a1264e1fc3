package tracing

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadd/internal/tracing/tracingtest"
	"uploadd/internal/uploads/uploadstest"
)

// slow makes the library wait longer than any test for what does not come.
var slow = []string{"OTEL_EXPORTER_OTLP_TIMEOUT=3600000", "OTEL_BSP_EXPORT_TIMEOUT=3600000", "OTEL_METRIC_EXPORT_TIMEOUT=3600000"}

// Whatever a collector does, requests are answered, the log says so once, and the server
// ends soon after it was told to.
func TestBadCollectors(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no room", http.StatusInternalServerError) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then net/http notices that the sender is gone
			<-r.Context().Done()
		},
		"is too busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"asks for patience": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"cuts": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := tracingtest.New(t, misbehave)
			s := serve(t, c.URL, slow)
			newCaller(1).work(t, s.URL)
			tracingtest.Until(t, "the collector is asked", func() bool { return c.Requests() > 0 })
			s.endsSoon(t)
		})
	}
	t.Run("is away", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "http://127.0.0.1:1", slow)
		newCaller(1).work(t, s.URL)
		tracingtest.Until(t, "the log says so", func() bool { return len(s.logged(t, complaint)) > 0 })
		newCaller(2).work(t, s.URL)
		s.endsSoon(t)
	})
}

const complaint = "the collector does not take traces and metrics"

// endsSoon stops the server, and fails the test if it waits for as long as the library
// would, or if the log has not said once what is wrong.
func (s *server) endsSoon(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the server took %v to end", took)
	}
	if lines := s.logged(t, complaint); len(lines) != 1 {
		t.Errorf("the log complains %d times: %q", len(lines), lines)
	}
}

// Without the flag nothing is sent, whatever the variables say, and nothing runs that
// could.
func TestOff(t *testing.T) {
	t.Parallel()
	c := tracingtest.New(t, nil)
	for url, runs := range map[string]bool{"": false, c.URL: true} {
		debug := fmt.Sprintf("127.0.0.%d:6070", 20+len(url)%100) // an address of each
		s := serve(t, url, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_TRACES_EXPORTER=otlp"}, "--debug-listen="+debug)
		before := c.Requests()
		newCaller(1).work(t, s.URL)
		if strings.Contains(get(t, "http://"+debug+"/debug/pprof/goroutine?debug=2"), "go.opentelemetry.io/") != runs {
			t.Errorf("with --otlp=%s the library runs: %v", url, !runs)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if sent := c.Requests() > before; sent != runs {
			t.Errorf("with --otlp=%s something was sent: %v", url, sent)
		}
		if ids := len(s.logged(t, `"trace_id"`)); ids > 0 != runs {
			t.Errorf("with --otlp=%s %d lines of the log have a trace", url, ids)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return string(uploadstest.Must(io.ReadAll(resp.Body))(t))
}

// What the variables of OpenTelemetry say holds: headers, what is sampled, and what is sent.
func TestVariables(t *testing.T) {
	t.Parallel()
	c := tracingtest.New(t, nil)
	s := serve(t, c.URL, []string{"OTEL_EXPORTER_OTLP_HEADERS=x-collector-key=canary-of-the-collector,broken", "OTEL_SERVICE_NAME=mine",
		"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0",
		"OTEL_METRICS_EXPORTER=none"})
	list := func(header string) {
		r := uploadstest.Must(http.NewRequest("GET", s.URL+"/v1/files", nil))(t)
		r.Header.Set("Authorization", "Bearer any")
		if header != "" {
			r.Header.Set("Traceparent", header)
		}
		uploadstest.Must(http.DefaultClient.Do(r))(t).Body.Close()
	}
	wanted, unwanted := newCaller(1), newCaller(2)
	for _, header := range []string{
		"",                    // of nobody: the ratio is 0
		unwanted.header("00"), // not sampled by its sender
		"00-" + strings.Repeat("0", 32) + "-" + strings.Repeat("0", 16) + "-01",
		"ff-" + wanted.trace + "-0000000000000001-01", "00-" + wanted.trace + "-0000000000000001", "00-" + wanted.trace + "-01", "\xff", "01",
		wanted.header("01"),
	} {
		list(header)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	for _, span := range spans {
		if !wanted.made(span) || span.Resource["service.name"] != "mine" {
			t.Errorf("%s of trace %s and service %s", span.Name, span.Trace(), span.Resource["service.name"])
		}
	}
	if len(spans) != 2 { // the request, and the list in it
		t.Errorf("%d spans: %v", len(spans), spans)
	}
	if c.Metric("uploadd_ready") != nil {
		t.Error("metrics were sent, and are not wanted")
	}
	if got := c.Header("X-Collector-Key"); got != "canary-of-the-collector" {
		t.Errorf("the header is %q", got)
	}
	if len(s.logged(t, "canary-of-the-collector")) > 0 || len(s.logged(t, `"broken"`)) > 0 {
		t.Error("a secret of the collector is in the log")
	}
	if len(s.logged(t, "OTEL_")) == 0 {
		t.Error("the log does not say that a header is not understood")
	}
}
