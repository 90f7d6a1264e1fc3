// Package tracing runs the built program beside a collector of OpenTelemetry, and looks
// at what it is told.
package tracing

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"uploadd/internal/tracing/tracingtest"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// soon has the program export what there is without much of a delay.
var soon = []string{"OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_METRIC_EXPORT_INTERVAL=100"}

// server is a program that runs for a test, and what it logs.
type server struct {
	*program.Server
	log string
}

// serve runs the program with a collector at url, "" for none, and with more settings.
func serve(t *testing.T, url string, env []string, flags ...string) *server {
	t.Helper()
	log := uploadstest.Must(os.Create(filepath.Join(t.TempDir(), "log")))(t)
	t.Cleanup(func() { log.Close() })
	flags = append([]string{"--quiet=false"}, flags...)
	if url != "" {
		flags = append(flags, "--otlp="+url)
	}
	return &server{program.Start(t, program.Options{Flags: flags, Env: append(env, soon...), Stderr: log}), log.Name()}
}

// logged returns the lines that the server has logged and that have text in them.
func (s *server) logged(t *testing.T, text string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(string(uploadstest.Must(os.ReadFile(s.log))(t))) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// caller is a program that has traces of its own, and sends what belongs to them.
type caller struct {
	trace string
	spans atomic.Int64
}

func newCaller(trace int) *caller { return &caller{trace: fmt.Sprintf("%032x", trace)} }

// header makes a span and returns the traceparent of it, with or without sampling.
func (c *caller) header(flags string) string {
	return fmt.Sprintf("00-%s-%016x-%s", c.trace, c.spans.Add(1), flags)
}

func (c *caller) made(s tracingtest.Span) bool { return s.Trace() == c.trace }

// What must be nowhere in what is exported.
const (
	secretKey  = "sk-canary-of-a-key-0123456789abcdefghij"
	secretName = "canary-of-a-filename.txt"
	secretBody = "canary-of-a-body "
	secretArg  = "canary-of-a-query"
)

// sdk is openai-go as the caller uses it: each request, and each attempt of one, has a
// span of its own.
func (c *caller) sdk(url string) openai.Client {
	return openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey(secretKey),
		option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			r.Header.Set("traceparent", c.header("01"))
			r.Header.Set("tracestate", "vendor=of-the-caller")
			return next(r)
		}))
}

// work does what clients do: an Upload of two Parts, and what is asked about a File. It
// returns the names of the requests, in their order.
func (c *caller) work(t *testing.T, url string) []string {
	t.Helper()
	ctx, sdk := t.Context(), c.sdk(url)
	part := bytes.Repeat([]byte(secretBody), 8<<10) // more than what is kept with the records
	up := uploadstest.Must(sdk.Uploads.New(ctx, openai.UploadNewParams{Bytes: int64(2 * len(part)),
		Filename: secretName, MimeType: "text/plain", Purpose: "user_data"}))(t)
	var ids []string
	for range 2 {
		p := uploadstest.Must(sdk.Uploads.Parts.New(ctx, up.ID, openai.UploadPartNewParams{Data: bytes.NewReader(part)}))(t)
		ids = append(ids, p.ID)
	}
	done := uploadstest.Must(sdk.Uploads.Complete(ctx, up.ID, openai.UploadCompleteParams{PartIDs: ids}))(t)
	answer := uploadstest.Must(sdk.Files.Content(ctx, done.File.ID))(t)
	defer answer.Body.Close()
	if got := uploadstest.Must(io.ReadAll(answer.Body))(t); !bytes.Equal(got, append(part, part...)) {
		t.Errorf("%d bytes came back, and are not those that were sent", len(got))
	}
	if _, err := sdk.Files.List(ctx, openai.FileListParams{After: openai.String(secretArg)}); err == nil {
		t.Error("a list after nothing was answered")
	}
	uploadstest.Must(sdk.Files.Delete(ctx, done.File.ID))(t)
	return []string{"POST /uploads", "POST /uploads/{id}/parts", "POST /uploads/{id}/parts", "POST /uploads/{id}/complete",
		"GET /files/{id}/content", "GET /files", "DELETE /files/{id}"}
}
