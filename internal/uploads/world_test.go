package uploads_test

import (
	"database/sql"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// world is a Service on stores of the test's own, with a clock that the test sets.
type world struct {
	t      testing.TB
	dir    string
	shared bool          // others may use the stores too
	remote bool          // each look at a blob is a request
	clock  atomic.Int64  // Unix seconds
	lease  time.Duration // 0 is the default
	meta   *meta.Store
	blobs  blobStore
	svc    *uploads.Service
	list   func() []string // the blobs that are stored
	api    api.API

	beside *sql.DB // the records, read beside the store
	events int     // that hooks were told of
}

// blobStore is a store of blobs that can be listed.
type blobStore interface {
	uploads.Blobs
	Keys() iter.Seq2[string, error]
	Close() error
}

// newWorld is one of SQLite and a disk.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, sqlite, disk)
}

// newWorldOn opens the stores that records and blobs set.
func newWorldOn(t testing.TB, records, blobs func(*world)) *world {
	t.Helper()
	w := &world{t: t, dir: fastDir(t)}
	w.list = w.listBlobs
	w.clock.Store(1_800_000_000)
	records(w)
	t.Cleanup(func() { w.meta.Close() })
	blobs(w)
	t.Cleanup(func() { w.blobs.Close() })
	w.start()
	return w
}

func sqlite(w *world) {
	w.meta = uploadstest.Must(meta.OpenSQLite(w.t.Context(), filepath.Join(w.dir, "uploadd.db")))(w.t)
}

func disk(w *world) {
	w.blobs = uploadstest.Must(blob.OpenDisk(filepath.Join(w.dir, "blobs")))(w.t)
}

// onPostgres opens databases of server.
func onPostgres(server *postgres.Server) func(*world) {
	return func(w *world) {
		w.shared = true
		w.meta = uploadstest.Must(meta.OpenPostgres(w.t.Context(), server.Database()))(w.t)
	}
}

// onS3 opens prefixes of the store's bucket.
func onS3(store *s3test.Store) func(*world) {
	var made atomic.Int64
	return func(w *world) {
		s3test.Credentials()
		prefix := fmt.Sprint("w", made.Add(1))
		b := uploadstest.Must(blob.OpenS3(w.t.Context(), store.URL(prefix, ""), nil))(w.t)
		w.remote = true
		w.blobs = bucket{b, filepath.Join(store.Dir, s3test.Bucket, prefix)}
	}
}

// bucket is listed where the store keeps it: the product lists no buckets.
type bucket struct {
	*blob.S3
	dir string
}

func (b bucket) Keys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		objects, err := filepath.Glob(filepath.Join(b.dir, "*", "*"))
		if err != nil {
			yield("", err)
		}
		for _, path := range objects {
			if !yield(filepath.Base(path), nil) {
				return
			}
		}
	}
}

// pairs are the worlds that must not differ in anything that can be asked.
func pairs(t *testing.T) map[string]func(testing.TB) *world {
	postgresql, s3 := onPostgres(postgres.Start(t)), onS3(s3test.Versitygw(t, false))
	return map[string]func(testing.TB) *world{
		"SQLite and a disk":       newWorld,
		"PostgreSQL and a disk":   func(t testing.TB) *world { return newWorldOn(t, postgresql, disk) },
		"SQLite and a bucket":     func(t testing.TB) *world { return newWorldOn(t, sqlite, s3) },
		"PostgreSQL and a bucket": func(t testing.TB) *world { return newWorldOn(t, postgresql, s3) },
	}
}

// fastDir is a directory in memory where there is one: what these tests ask is
// not a matter of the disk, and thousands of flushes take minutes on a real one.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "uploads")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start makes a new Service on the stores, as after a crash.
func (w *world) start() {
	w.t.Helper()
	w.svc = w.service(w.meta, w.blobs)
	fatal(w.t, w.svc.Recover(w.t.Context()))
	w.api = w.svc.For("default")
}

// service makes a Service that is yet to recover.
func (w *world) service(m uploads.Meta, b uploads.Blobs) *uploads.Service {
	return uploads.New(uploads.Config{Meta: m, Blobs: b, Exclusive: !w.shared, Remote: w.remote, Lease: w.lease,
		Now: func() time.Time { return time.Unix(w.clock.Load(), 0) }})
}

func (w *world) clean() int {
	w.t.Helper()
	return uploadstest.Must(w.svc.Clean(w.t.Context()))(w.t)
}

// stored lists the blobs on the disk.
func (w *world) stored() []string {
	w.t.Helper()
	return uploadstest.Must(filepath.Glob(filepath.Join(w.dir, "blobs", "*", "*")))(w.t)
}

// faults runs a check that reads all data.
func (w *world) faults() []string {
	w.t.Helper()
	var list []string
	c := uploads.Checker{Meta: w.meta, Blobs: w.blobs, Keys: w.blobs.Keys(), ReadData: true, Now: w.clock.Load(),
		Report: func(f string) { list = append(list, f) }}
	if s := uploadstest.Must(c.Check(w.t.Context()))(w.t); s.Faults != len(list) {
		w.t.Errorf("%d faults counted, %d reported", s.Faults, len(list))
	}
	return list
}

func (w *world) create(bytes int64) *api.Upload {
	w.t.Helper()
	return uploadstest.Must(w.api.CreateUpload(w.t.Context(), api.CreateUploadRequest{
		Filename: "f.txt", Purpose: "user_data", Bytes: bytes, MimeType: "text/plain"}))(w.t)
}

func (w *world) add(upload, data string) string {
	w.t.Helper()
	return uploadstest.Must(w.api.AddPart(w.t.Context(), upload, strings.NewReader(data)))(w.t).ID
}

func (w *world) complete(upload string, ids ...string) *api.File {
	w.t.Helper()
	return uploadstest.Must(w.api.CompleteUpload(w.t.Context(), upload, api.CompleteUploadRequest{PartIDs: ids}))(w.t).File
}

func (w *world) pass(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

// sql damages the records behind the store's back.
func (w *world) sql(query string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "uploadd.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		w.t.Fatal(err)
	}
}
