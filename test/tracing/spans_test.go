package tracing

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/tracing/tracingtest"
	"uploadd/internal/uploads/uploadstest"
)

// A request is one span below its sender's, with those of the stores below it, down to
// what a bucket is asked.
func TestSpans(t *testing.T) {
	t.Parallel()
	c, store := tracingtest.New(t, nil), recorded(t)
	s := serve(t, c.URL, []string{"OTEL_RESOURCE_ATTRIBUTES=place=cellar"}, "--blobs="+store.URL("traces", ""))
	caller := newCaller(0xabc)
	names := caller.work(t, s.URL)
	if err := s.Stop(); err != nil { // which exports the rest
		t.Fatal(err)
	}
	spans := tree(t, c.Spans(), caller)
	var served []string
	for i := range names { // the caller's spans have the numbers of the requests
		below := spans.children[fmt.Sprintf("%016x", i+1)]
		if len(below) != 1 || !below[0].Serves() {
			t.Errorf("request %d has %d spans: %v", i+1, len(below), below)
			continue
		}
		served = append(served, below[0].Name)
	}
	if !slices.Equal(served, names) {
		t.Errorf("requests: %q, want %q", served, names)
	}
	for _, path := range []string{
		"POST /uploads > meta.create_upload",
		"POST /uploads/{id}/parts > meta.upload",
		"POST /uploads/{id}/parts > blobs.put > PUT",
		"POST /uploads/{id}/parts > meta.add_part",
		"POST /uploads/{id}/complete > meta.complete",
		"GET /files/{id}/content > blobs.open > GET",
		"GET /files/{id}/content > blobs.read",
		"DELETE /files/{id} > meta.delete_file",
	} {
		if !slices.Contains(spans.paths, path) {
			t.Errorf("there is no span %q: %q", path, spans.paths)
		}
	}
	store.check(t, spans)
	nothingSecret(t, c, s)
	part := spans.named("POST /uploads/{id}/parts")
	for name, want := range map[string]string{
		"http.request.method": "POST", "http.route": "/uploads/{id}/parts", "http.response.status_code": "200",
		"url.scheme": "http", "network.protocol.version": "1.1", "uploadd.error": "",
	} {
		if got := part.Attributes()[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if id := part.Attributes()["uploadd.request_id"]; len(s.logged(t, id)) != 1 || !strings.Contains(s.logged(t, id)[0], `"trace_id":"`+caller.trace+`"`) {
		t.Errorf("the line of the log about request %q: %q", id, s.logged(t, id))
	}
	if part.TraceState != "vendor=of-the-caller" {
		t.Errorf("the tracestate is %q", part.TraceState)
	}
	if r := part.Resource; r["service.name"] != "uploadd" || r["place"] != "cellar" || r["service.instance.id"] == "" || r["host.name"] == "" {
		t.Errorf("the resource: %q", r)
	}
	if list := spans.named("GET /files"); list.Failed() || list.Attributes()["http.response.status_code"] != "400" || list.Attributes()["uploadd.error"] == "" {
		t.Errorf("a request that its client is to blame for: %v", list)
	}
}

// The metrics are those that Prometheus would read, without a listener for it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := tracingtest.New(t, nil)
	s := serve(t, c.URL, nil)
	tracingtest.Until(t, "metrics arrive while the server runs", func() bool { return c.Metric("uploadd_ready") != nil })
	requests := len(newCaller(1).work(t, s.URL))
	if err := s.Stop(); err != nil { // which exports the rest
		t.Fatal(err)
	}
	var counted float64
	for _, point := range c.Metric("uploadd_http_requests_total").GetSum().GetDataPoints() {
		counted += point.GetAsDouble()
	}
	if counted != float64(requests) {
		t.Errorf("%v requests are counted, and there were %d", counted, requests)
	}
	if ready := c.Metric("uploadd_ready").GetGauge().DataPoints[0].GetAsDouble(); ready != 1 {
		t.Errorf("ready is %v", ready)
	}
	nothingSecret(t, c, s)
}

// nothingSecret fails the test if what must not be known is in the traces or in the log.
func nothingSecret(t *testing.T, c *tracingtest.Collector, s *server) {
	t.Helper()
	for _, secret := range []string{secretKey, secretName, strings.TrimSpace(secretBody), secretArg} {
		if c.Has(secret) || len(s.logged(t, secret)) > 0 {
			t.Errorf("%q is in the traces or in the log", secret)
		}
	}
}

// spansOf are the spans of one trace.
type spansOf struct {
	all      map[string]tracingtest.Span   // by their ids
	children map[string][]tracingtest.Span // by the ids of their parents
	paths    []string                      // names, from that of the request on
}

// tree joins the spans that the caller's trace has, and fails the test if one begins
// before its parent or ends after it.
func tree(t *testing.T, list []tracingtest.Span, by *caller) *spansOf {
	t.Helper()
	s := &spansOf{map[string]tracingtest.Span{}, map[string][]tracingtest.Span{}, nil}
	for _, span := range list {
		if !by.made(span) {
			t.Errorf("%s is of another trace", span.Name)
		}
		s.all[span.ID()] = span
		s.children[span.Parent()] = append(s.children[span.Parent()], span)
	}
	for _, span := range list {
		parent, ok := s.all[span.Parent()]
		if ok == span.Serves() {
			t.Errorf("%s is below %q", span.Name, parent.GetName())
		}
		if ok && (span.StartTimeUnixNano < parent.StartTimeUnixNano || span.EndTimeUnixNano > parent.EndTimeUnixNano) {
			t.Errorf("%s is not within %s", span.Name, parent.Name)
		}
		s.paths = append(s.paths, s.path(span))
	}
	return s
}

func (s *spansOf) path(span tracingtest.Span) string {
	if parent, ok := s.all[span.Parent()]; ok {
		return s.path(parent) + " > " + span.Name
	}
	return span.Name
}

func (s *spansOf) named(name string) tracingtest.Span {
	for _, span := range s.all {
		if span.Name == name {
			return span
		}
	}
	return tracingtest.Span{}
}

// recorder is an S3 store behind a proxy that remembers the requests.
type recorder struct {
	s3test.Store
	mu   sync.Mutex
	seen []*http.Request
}

func recorded(t *testing.T) *recorder {
	t.Helper()
	s3test.Credentials()
	r := &recorder{Store: *s3test.Versitygw(t, false)}
	behind := uploadstest.Must(url.Parse(r.Endpoint))(t)
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		r.mu.Lock()
		r.seen = append(r.seen, p.In)
		r.mu.Unlock()
		p.SetURL(behind)
		p.Out.Host = p.In.Host // which is signed
	}}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	r.Endpoint = front.URL
	return r
}

// check holds what the store was asked against the spans. (What it was asked before
// there were requests, and by the janitor, has no span.)
func (r *recorder) check(t *testing.T, spans *spansOf) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := map[string]int{}
	for _, request := range r.seen {
		header := request.Header.Get("Traceparent")
		if header == "" {
			continue
		}
		parts := strings.Split(header, "-")
		span, ok := spans.all[parts[2]]
		if !ok || parts[1] != span.Trace() || span.Name != request.Method {
			t.Errorf("%s %s has the traceparent %s, which is that of %q", request.Method, request.URL.Path, header, span.GetName())
		}
		if strings.Contains(request.Header.Get("Authorization"), "traceparent") {
			t.Errorf("the traceparent is signed: a proxy may change it")
		}
		asked[request.Method]++
	}
	if asked["PUT"] != 2 || asked["GET"] != 2 {
		t.Errorf("the bucket was asked in spans: %v", asked)
	}
}
