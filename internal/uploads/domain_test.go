package uploads_test

import (
	"path/filepath"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func TestDomain(t *testing.T) {
	svc := newService(t, uploads.Config{})
	uploadstest.TestAPI(t, func(t *testing.T) api.API { return svc.For(t.Name()) })
}

// newService returns a Service on SQLite and a disk of the test's own.
func newService(t testing.TB, c uploads.Config) *uploads.Service {
	t.Helper()
	dir := t.TempDir()
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(dir, "uploadd.db")))(t)
	t.Cleanup(func() { m.Close() })
	b := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	t.Cleanup(func() { b.Close() })
	if c.Meta == nil {
		c.Meta = m
	}
	if c.Blobs == nil {
		c.Blobs = b
	}
	return uploads.New(c)
}
