package transfer

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

const testKey = "sk-secret-0123456789"

// uploadd starts a server on SQLite and a disk of the test's own, behind
// whatever stands in front of it.
func uploadd(t testing.TB, front ...func(http.Handler) http.Handler) (url string) {
	t.Helper()
	dir := t.TempDir()
	m := uploadstest.Must(meta.OpenSQLite(context.Background(), filepath.Join(dir, "uploadd.db")))(t)
	t.Cleanup(func() { m.Close() })
	b := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	t.Cleanup(func() { b.Close() })
	all := uploads.New(uploads.Config{Meta: m, Blobs: b}).For("p")
	h := server.New(server.Config{Authenticate: func(context.Context, server.Credentials) (server.Caller, error) {
		return server.Caller{API: all}, nil
	}})
	for _, f := range front {
		h = f(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t testing.TB, url string) *client.Client {
	t.Helper()
	return uploadstest.Must(client.New(client.Config{BaseURL: url + "/v1", Key: testKey}))(t)
}

// newUploader returns one that does not wait long before it tries again.
func newUploader(t testing.TB, url string) *Uploader {
	t.Helper()
	return &Uploader{
		Client:    newClient(t, url),
		Patience:  time.Minute,
		firstWait: time.Millisecond,
		settling:  20 * time.Millisecond,
	}
}

// file writes data to a file of the test's own.
func file(t testing.TB, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantFile fails the test unless f is there with these bytes.
func wantFile(t testing.TB, a api.API, f *api.File, data []byte) {
	t.Helper()
	if got := uploadstest.Read(t, a, f.ID); !bytes.Equal(got, data) {
		t.Errorf("file %s has %d other bytes than the %d that were sent", f.ID, len(got), len(data))
	}
}

// wantFiles fails the test unless there are just so many Files.
func wantFiles(t testing.TB, a api.API, n int) {
	t.Helper()
	list := uploadstest.Must(a.ListFiles(context.Background(), api.ListQuery{}))(t)
	if len(list.Data) != n {
		t.Errorf("there are %d Files, want %d", len(list.Data), n)
	}
}

// events collects what a Progress is told.
type events struct {
	mu  sync.Mutex
	all []Progress
}

func (e *events) add(p Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, p)
}

// count tells how often something happened.
func (e *events) count(what Event) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.all {
		if p.Event == what {
			n++
		}
	}
	return n
}
