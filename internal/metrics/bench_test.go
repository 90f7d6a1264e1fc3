package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// BenchmarkPart adds Parts of 1 MiB to an Upload over HTTP, and BenchmarkSmall asks for
// one: what metrics cost is the difference between with and without.
func BenchmarkPart(b *testing.B) {
	body := strings.Repeat("x", 1<<20)
	form := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"x\"\r\n\r\n" + body + "\r\n--b--\r\n"
	compare(b, func(b *testing.B, url string, a api.API) *http.Request {
		u := uploadstest.Must(a.CreateUpload(b.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: 8 << 30, MimeType: "text/plain"}))(b)
		r := uploadstest.Must(http.NewRequest("POST", url+"/v1/uploads/"+u.ID+"/parts", nil))(b)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.ContentLength = int64(len(form))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(form)), nil }
		return r
	})
}

func BenchmarkSmall(b *testing.B) {
	compare(b, func(b *testing.B, url string, a api.API) *http.Request {
		u := uploadstest.Must(a.CreateUpload(b.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: 1, MimeType: "text/plain"}))(b)
		return uploadstest.Must(http.NewRequest("GET", url+"/v1/uploads/"+u.ID, nil))(b)
	})
}

// BenchmarkCounting is what is counted of a Part alone: a request, three calls of the
// stores, a commit and a flush.
func BenchmarkCounting(b *testing.B) {
	m, r := New(), httptest.NewRequest("POST", "/v1/uploads/upload_1/parts", nil)
	o := server.Outcome{Route: "/uploads/{id}/parts", Method: "POST", Status: 200, In: 1 << 20, Out: 100, Took: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		_, end := m.Request(r)
		for _, call := range [][2]string{{observe.StoreMeta, "upload"}, {observe.StoreBlobs, "put"}, {observe.StoreMeta, "add_part"}} {
			_, end := m.Call(b.Context(), call[0], call[1])
			end(nil)
		}
		m.Flushed(b.Context(), time.Millisecond, nil)
		m.Committed(b.Context(), meta.Commit{Steps: 1, Took: time.Millisecond})
		end(o)
	}
}

// compare sends a request again and again to two servers, of which one has metrics.
func compare(b *testing.B, request func(b *testing.B, url string, a api.API) *http.Request) {
	for _, measured := range []bool{false, true} {
		b.Run(fmt.Sprintf("metrics=%t", measured), func(b *testing.B) {
			var m *Metrics
			if measured {
				m = New()
			}
			url, a := serve(b, m)
			r := request(b, url, a)
			b.ReportAllocs()
			before := processor(b)
			defer func() { b.ReportMetric(float64(processor(b)-before)/float64(b.N), "cpu-ns/op") }()
			for b.Loop() {
				if r.GetBody != nil {
					r.Body, _ = r.GetBody()
				}
				resp, err := http.DefaultClient.Do(r)
				if err != nil || resp.StatusCode != 200 {
					b.Fatal(resp, err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}

// processor is the time that the process has had of it, in all threads.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// serve is a server as the program has it, without keys; m may be nil.
func serve(b *testing.B, m *Metrics) (url string, a api.API) {
	b.Helper()
	dir := b.TempDir()
	records := uploadstest.Must(meta.OpenSQLite(b.Context(), filepath.Join(dir, "x.db")))(b)
	b.Cleanup(func() { records.Close() })
	disk := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(b)
	b.Cleanup(func() { disk.Close() })
	of := uploads.Config{Meta: records, Blobs: disk}
	var answers server.Config
	if m != nil {
		records.Committed, disk.Flushed = m.Committed, m.Flushed
		of.Meta, of.Blobs = observe.Meta(records, m.Call), observe.Blobs(disk, m.Call)
		answers.Observe = m.Request
	}
	svc := uploads.New(of)
	answers.Authenticate = func(context.Context, server.Credentials) (server.Caller, error) {
		return server.Caller{API: svc.For("p"), Project: "p"}, nil
	}
	s := httptest.NewServer(server.New(answers))
	b.Cleanup(s.Close)
	return s.URL, svc.For("p")
}
