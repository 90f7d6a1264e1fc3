package tracing_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"uploadd/api"
	"uploadd/internal/meta"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/tracing"
	"uploadd/internal/tracing/tracingtest"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// What traces cost a request that asks the records for a File: nothing where they are
// off, next to nothing where one is not sampled, and two spans where it is.
func BenchmarkRequest(b *testing.B) {
	for _, of := range []struct{ name, sampler string }{
		{"off", ""}, {"unsampled", "always_off"}, {"sampled", "always_on"},
	} {
		b.Run(of.name, func(b *testing.B) {
			records := uploadstest.Must(meta.OpenSQLite(b.Context(), b.TempDir()+"/db"))(b)
			defer records.Close()
			domain := uploads.Config{Meta: records}
			front := server.Config{}
			if of.sampler != "" {
				b.Setenv("OTEL_TRACES_SAMPLER", of.sampler)
				c := tracingtest.New(b, func(http.ResponseWriter, *http.Request) {})
				e := uploadstest.Must(tracing.New(b.Context(), tracing.Config{Endpoint: c.URL, Log: slog.New(slog.DiscardHandler)}))(b)
				defer e.Close()
				domain.Meta, front.Observe = observe.Meta(records, e.Stores), e.Requests
			}
			svc := uploads.New(domain)
			front.Authenticate = func(context.Context, server.Credentials) (server.Caller, error) {
				return server.Caller{API: svc.For("p")}, nil
			}
			h := server.New(front)
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", "/v1/files/file-"+"0123456789abcdefghijkl", nil)
				r.Header.Set("Authorization", "Bearer any")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if resp := w.Result(); resp.StatusCode != api.ErrNotFound.Status {
					body, _ := io.ReadAll(resp.Body)
					b.Fatalf("status %d: %s", resp.StatusCode, body)
				}
			}
		})
	}
}
