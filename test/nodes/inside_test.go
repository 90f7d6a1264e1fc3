package nodes

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// inside is nodes in the test's own process, each with connections of its own, by a
// clock that the test sets: so a moment can be waited for, and an hour need not be.
type inside struct {
	t     *testing.T
	clock atomic.Int64 // Unix seconds
	url   string
	blobs *blob.Disk
}

const (
	insideLease = 30 * time.Minute
	insideTTL   = 100 * time.Hour
	insideGrace = 10 * time.Second
	doomed      = time.Minute // how long a janitor has for what it has marked
)

func newInside(t *testing.T, db *postgres.Server) *inside {
	t.Helper()
	w := &inside{t: t, url: db.Database()}
	w.clock.Store(1_800_000_000)
	w.blobs = uploadstest.Must(blob.OpenDisk(t.TempDir()))(t)
	t.Cleanup(func() { w.blobs.Close() })
	return w
}

// node is another node, whose stores wrap may stand around.
func (w *inside) node(wrap func(uploads.Meta, uploads.Blobs) (uploads.Meta, uploads.Blobs)) *uploads.Service {
	w.t.Helper()
	records := uploadstest.Must(meta.OpenPostgres(w.t.Context(), w.url))(w.t)
	w.t.Cleanup(func() { records.Close() })
	m, b := uploads.Meta(records), uploads.Blobs(w.blobs)
	if wrap != nil {
		m, b = wrap(m, b)
	}
	return uploads.New(uploads.Config{Meta: m, Blobs: b, Lease: insideLease, Grace: insideGrace, UploadTTL: insideTTL,
		Now: func() time.Time { return time.Unix(w.clock.Load(), 0) }})
}

// stopping is a node that stops before its next call of op, until it is told to go on.
func (w *inside) stopping(op string) (s *uploads.Service, stopped <-chan struct{}, goOn func()) {
	w.t.Helper()
	at, resume := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	s = w.node(func(m uploads.Meta, b uploads.Blobs) (uploads.Meta, uploads.Blobs) {
		return uploadstest.Intercept(m, b, func(call string, do func() error) error {
			if call == op && once.CompareAndSwap(false, true) {
				close(at)
				<-resume
			}
			return do()
		})
	})
	return s, at, func() { close(resume) }
}

func (w *inside) pass(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

func (w *inside) clean(s *uploads.Service) (deleted int) {
	w.t.Helper()
	return uploadstest.Must(s.Clean(w.t.Context()))(w.t)
}

func (w *inside) create(s *uploads.Service, bytes int64) string {
	w.t.Helper()
	return uploadstest.Must(s.For("p").CreateUpload(w.t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: bytes, MimeType: "text/plain"}))(w.t).ID
}

func (w *inside) add(s *uploads.Service, upload, data string) string {
	w.t.Helper()
	return uploadstest.Must(s.For("p").AddPart(w.t.Context(), upload, strings.NewReader(data)))(w.t).ID
}

// stored lists the blobs.
func (w *inside) stored() (keys []string) {
	w.t.Helper()
	for key, err := range w.blobs.Keys() {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// sound fails the test unless, with all that was let go cleaned up, exactly want blobs
// are stored, those that records name, and all of it is whole.
func (w *inside) sound(s *uploads.Service, want int) {
	w.t.Helper()
	w.pass(insideGrace)
	w.clean(s)
	w.pass(doomed)
	w.clean(s)
	if keys := w.stored(); len(keys) != want {
		w.t.Errorf("%d blobs are stored, want %d: %v", len(keys), want, keys)
	}
	c := uploads.Checker{Meta: s.Meta, Blobs: w.blobs, Keys: w.blobs.Keys(), ReadData: true, Now: w.clock.Load(),
		Report: func(fault string) { w.t.Error(fault) }}
	if summary := uploadstest.Must(c.Check(w.t.Context()))(w.t); summary.Parts != want {
		w.t.Errorf("%d parts are recorded, want %d", summary.Parts, want)
	}
}

// counting counts how often each key is deleted.
type counting struct {
	uploads.Blobs
	deleted func(keys []string)
}

func (c counting) Delete(ctx context.Context, keys []string) ([]string, error) {
	c.deleted(keys)
	return c.Blobs.Delete(ctx, keys)
}

// content is what a File holds, for one node.
func (w *inside) content(s *uploads.Service, file string) string {
	w.t.Helper()
	c := uploadstest.Must(s.For("p").OpenFile(w.t.Context(), file))(w.t)
	defer c.Close()
	return string(uploadstest.Must(io.ReadAll(c))(w.t))
}
