package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"uploadd/api"
	"uploadd/internal/server"
	"uploadd/internal/tracing"
	"uploadd/internal/tracing/tracingtest"
	"uploadd/internal/uploads/uploadstest"
)

// Exports come soon, and at the end.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_METRIC_EXPORT_INTERVAL": "10"} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

const secret = "a-canary"

// begin starts an Exporter that takes the secret out of what it exports.
func begin(t *testing.T) (*tracing.Exporter, *tracingtest.Collector) {
	t.Helper()
	c := tracingtest.New(t, nil)
	redact := func(text string) string { return strings.ReplaceAll(text, secret, "[secret]") }
	e := uploadstest.Must(tracing.New(t.Context(), tracing.Config{Endpoint: c.URL + "/", Redact: redact, Log: slog.New(slog.DiscardHandler)}))(t)
	return e, c
}

func request(header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/v1/uploads?after=x", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// What became of a request is in its span; and it failed where the server is to blame,
// or the answer is not whole.
func TestOutcomes(t *testing.T) {
	cases := []struct {
		server.Outcome
		failed         bool
		kind, why, was string // error.type, uploadd.error and the status
	}{
		{server.Outcome{Status: 200, In: 5, Out: 7, RequestID: "req_1"}, false, "", "", "200"},
		{server.Outcome{Status: 404, Err: api.Errorf(api.ErrNotFound, "", "No such File: %s.", secret)}, false, "", "No such File: %s.", "404"},
		{server.Outcome{Status: 503, Err: api.Errorf(api.ErrUnavailable, "", "Away.").Because(errors.New("lost " + secret))}, true, "503", "Away. (lost [secret])", "503"},
		{server.Outcome{Status: 500, Err: errors.New(secret + " is broken")}, true, "500", "[secret] is broken", "500"},
		{server.Outcome{Status: 200, BrokenOff: true}, true, "broken_off", "", "200"},
		{server.Outcome{BrokenOff: true}, true, "broken_off", "", ""},
	}
	for _, want := range cases {
		e, c := begin(t)
		_, end := e.Requests(request())
		want.Method, want.Route = "POST", "/uploads"
		end(want.Outcome)
		e.Close()
		spans := c.Spans()
		if len(spans) != 1 || spans[0].Name != "POST /uploads" || !spans[0].Serves() || spans[0].Failed() != want.failed {
			t.Errorf("%+v: %v", want.Outcome, spans)
			continue
		}
		got := spans[0].Attributes()
		if got["error.type"] != want.kind || got["uploadd.error"] != want.why || got["http.response.status_code"] != want.was || c.Has(secret) || c.Has("after=") {
			t.Errorf("%+v: %q", want.Outcome, got)
		}
		if want.In > 0 && (got["http.request.body.size"] != "5" || got["http.response.body.size"] != "7" || got["uploadd.request_id"] != "req_1") {
			t.Errorf("%+v: %q", want.Outcome, got)
		}
	}
}

// Questions of health have no span, nor what is called for them.
func TestHealth(t *testing.T) {
	e, c := begin(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		ctx, end := e.Requests(httptest.NewRequest("GET", path, nil))
		_, called := e.Stores(ctx, "meta", "ping")
		called(nil)
		end(server.Outcome{Status: 200})
	}
	if e.Close(); len(c.Spans()) > 0 {
		t.Errorf("spans: %v", c.Spans())
	}
}

// A call in a request is a span below it. One of the server itself is a span of its own
// if the store has failed, and none if not.
func TestStores(t *testing.T) {
	for _, of := range []struct {
		err    error
		failed bool
	}{
		{nil, false}, {fs.ErrNotExist, false}, {context.Canceled, false},
		{errors.New("the disk says " + secret), true}, {errors.New(strings.Repeat("long", 1000)), true},
	} {
		e, c := begin(t)
		_, alone := e.Stores(t.Context(), "blobs", "delete")
		alone(of.err)
		ctx, end := e.Requests(request())
		_, called := e.Stores(ctx, "meta", "complete")
		called(of.err)
		end(server.Outcome{Method: "POST", Route: "/uploads", Status: 200})
		e.Close()
		spans, roots := map[string]tracingtest.Span{}, 0
		for _, s := range c.Spans() {
			if spans[s.Name] = s; s.Parent() == "" {
				roots++
			}
			if n := len(s.Status.GetMessage()); n > 310 {
				t.Errorf("the status has %d characters", n)
			}
		}
		call := spans["meta.complete"]
		if call.Parent() != spans["POST /uploads"].ID() || call.Failed() != of.failed || c.Has(secret) {
			t.Errorf("%.20v: a call: %v", of.err, call)
		}
		if _, told := spans["blobs.delete"]; told != of.failed || roots != len(spans)-1 {
			t.Errorf("%.20v: a call of the server itself: %v", of.err, spans)
		}
	}
}

// A tracestate is passed on, and one that is longer than anybody must take is not.
func TestState(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, state := range []string{"a=b,c=d", strings.Repeat("x", 256) + "=" + strings.Repeat("y", 256)} {
		e, c := begin(t)
		_, end := e.Requests(request("traceparent", parent, "tracestate", state))
		end(server.Outcome{Status: 200})
		e.Close()
		want := state
		if len(state) > 512 {
			want = ""
		}
		if s := c.Spans()[0]; s.TraceState != want || s.Trace() != parent[3:35] || s.Parent() != parent[36:52] {
			t.Errorf("tracestate %.20q: %v", state, s)
		}
	}
}

// A request that goes out has a span in the one that it is made for, and tells it; and
// nothing of its URL is told but the host.
func TestTransport(t *testing.T) {
	answered := 200
	var told string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Traceparent")
		w.WriteHeader(answered)
	}))
	defer s.Close()
	e, c := begin(t)
	client := &http.Client{Transport: e.Transport(http.DefaultTransport)}
	ask := func(ctx context.Context, url string) {
		r := uploadstest.Must(http.NewRequestWithContext(ctx, "PUT", url, nil))(t)
		if resp, err := client.Do(r); err == nil {
			resp.Body.Close()
		}
		if len(r.Header) > 0 {
			t.Errorf("the request was changed: %v", r.Header)
		}
	}
	if ask(t.Context(), s.URL); told != "" {
		t.Errorf("outside of any span: %s", told)
	}
	ctx, end := e.Requests(request())
	ask(ctx, s.URL+"/"+secret)
	toldOf := told
	answered = 503
	ask(ctx, s.URL+"/?"+secret)
	ask(ctx, "http://127.0.0.1:1/"+secret)
	end(server.Outcome{Method: "POST", Route: "/uploads", Status: 200})
	e.Close()
	spans := c.Spans()
	if len(spans) != 4 || c.Has(secret) {
		t.Fatalf("spans: %v", spans)
	}
	for i, span := range spans[:3] {
		status := []string{"200", "503", ""}[i]
		if span.Name != "PUT" || span.Parent() != spans[3].ID() || span.Failed() != (i > 0) ||
			span.Attributes()["http.response.status_code"] != status || span.Attributes()["server.address"] != "127.0.0.1" {
			t.Errorf("request %d: %v", i, span)
		}
	}
	if want := "00-" + spans[0].Trace() + "-" + spans[0].ID() + "-01"; toldOf != want {
		t.Errorf("the server was told %s, want %s", toldOf, want)
	}
}

// Metrics are those of the registry, while it runs and at the end.
func TestMetrics(t *testing.T) {
	e, c := begin(t)
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "things_total", Help: "Things."}, []string{"kind"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(counter)
	counter.WithLabelValues("good").Add(3)
	if err := e.SendMetrics(t.Context(), registry); err != nil {
		t.Fatal(err)
	}
	value := func() float64 {
		m := c.Metric("things_total")
		if m == nil {
			return 0
		}
		return m.GetSum().DataPoints[0].GetAsDouble()
	}
	tracingtest.Until(t, "the metrics arrive", func() bool { return value() == 3 })
	counter.WithLabelValues("good").Inc()
	if e.Close(); value() != 4 {
		t.Errorf("at the end there are %v things", value())
	}
}

// A line of the log that belongs to a trace says so.
func TestLog(t *testing.T) {
	e, c := begin(t)
	var b bytes.Buffer
	log := tracing.Log(slog.New(slog.NewTextHandler(&b, nil))).With("who", "me")
	ctx, end := e.Requests(request())
	log.InfoContext(ctx, "within")
	log.Info("outside")
	end(server.Outcome{Status: 200})
	e.Close()
	lines := strings.Split(b.String(), "\n")
	if !strings.HasSuffix(lines[0], "msg=within who=me trace_id="+c.Spans()[0].Trace()) || !strings.HasSuffix(lines[1], "msg=outside who=me") {
		t.Errorf("the log: %q", lines)
	}
}
