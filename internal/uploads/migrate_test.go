package uploads_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// padded stores more bytes than it was given.
type padded struct {
	uploads.Blobs
	by int
}

func (p padded) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	return p.Blobs.Put(ctx, key, io.MultiReader(r, bytes.NewReader(make([]byte, p.by))))
}

// move is a migration from a world.
type move struct {
	*uploads.Migration
	target *meta.Target
	dir    string // of the target's blobs
	faults []string

	progress uploads.Moved // the latest
}

func newMove(t *testing.T, w *world) *move {
	t.Helper()
	dir := fastDir(t)
	m := &move{dir: filepath.Join(dir, "blobs")}
	records := uploadstest.Must(meta.OpenSQLiteTarget(t.Context(), filepath.Join(dir, "uploadd.db")))(t)
	t.Cleanup(func() { records.Close() })
	blobs := uploadstest.Must(blob.OpenDisk(m.dir))(t)
	t.Cleanup(func() { blobs.Close() })
	m.target = uploadstest.Must(records.Target(t.Context(), w.meta))(t)
	m.Migration = &uploads.Migration{From: w.blobs, To: blobs, Arrivals: m.target, Live: w.meta,
		Report:   func(fault string) { m.faults = append(m.faults, fault) },
		Progress: func(done uploads.Moved) { m.progress = done }}
	return m
}

// copies are the copied blobs, by their paths.
func (m *move) copies(t *testing.T) []string {
	t.Helper()
	return uploadstest.Must(filepath.Glob(filepath.Join(m.dir, "*", "part_*")))(t)
}

// load brings the records over, and checks all that is there then.
func (m *move) load(t *testing.T, w *world) {
	t.Helper()
	uploadstest.Must(m.target.Load(t.Context(), w.meta, w.clock.Load()))(t)
	check := uploads.Checker{Meta: m.target, Blobs: m.To, ReadData: true, Now: w.clock.Load(),
		Report: func(f string) { t.Errorf("the target: %s", f) }}
	uploadstest.Must(check.Check(t.Context()))(t)
}

// send makes an Upload of n Parts and an empty File, and returns the Parts' ids.
func send(t *testing.T, w *world, n int) (ids []string) {
	t.Helper()
	u := w.create(int64(3 * n))
	for range n {
		ids = append(ids, w.add(u.ID, "abc"))
	}
	uploadstest.Must(w.api.CreateFile(t.Context(), strings.NewReader(""), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "empty", Purpose: "user_data"}, nil
	}))(t)
	return ids
}

// Whatever the source's padding was, the copy has its own, and it is recorded.
func TestMigrationPadding(t *testing.T) {
	w := newWorld(t)
	w.svc = w.service(w.meta, padded{w.blobs, 5})
	w.api = w.svc.For("default")
	send(t, w, 3)
	for _, by := range []int{0, 7} {
		m := newMove(t, w)
		m.To = padded{m.To, by}
		if done := uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t); done.New != 4 || done.Bytes != 9 || done.Faults != 0 || m.progress != done {
			t.Errorf("copied: %+v, and it was said to be %+v", done, m.progress)
		}
		m.load(t, w)
		for _, p := range uploadstest.Must(m.target.AllParts(t.Context(), 0, 10))(t) {
			if p.Padding != int64(by) {
				t.Errorf("a padding of %d is recorded, want %d", p.Padding, by)
			}
		}
	}
}

// A copy that broke off goes on with the next run, and is whole, whether it was the
// store of bytes that failed, having done what it was asked, or that of records.
func TestMigrationGoesOn(t *testing.T) {
	w := newWorld(t)
	send(t, w, 300)
	broken := errors.New("broken")
	for name, most := range map[string]int64{"Blobs.Put": 100, "Arrivals.Arrive": 2} {
		m := newMove(t, w)
		var calls atomic.Int64
		fail := func(op string, do func() error) error {
			if op == name && calls.Add(1) > most {
				_ = do()
				return broken
			}
			return do()
		}
		blobs := m.To
		_, m.To = uploadstest.Intercept(nil, blobs, fail)
		m.Arrivals = failing{m.target, func() error { return fail("Arrivals.Arrive", func() error { return nil }) }}
		total := 0
		for range 2 {
			calls.Store(0)
			done, err := m.Copy(t.Context(), w.meta, false)
			if !errors.Is(err, broken) {
				t.Fatalf("%s fails, and the copy ends with %v", name, err)
			}
			total += done.New
		}
		if _, err := m.target.Load(t.Context(), w.meta, 1); err == nil {
			t.Errorf("%s fails, and the records were loaded", name)
		}
		m.To, m.Arrivals = blobs, m.target
		done := uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t)
		if total += done.New; done.New == 0 || done.New > 150 || total < 301 || len(m.faults) > 0 {
			t.Errorf("%s: %d were copied in all, at last %+v, faults %q", name, total, done, m.faults)
		}
		m.load(t, w)
	}
}

// failing cannot note what arrived.
type failing struct {
	uploads.Arrivals
	fail func() error
}

func (f failing) Arrive(ctx context.Context, blobs []uploads.Arrival) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Arrivals.Arrive(ctx, blobs)
}

// What is damaged is named; what went with its record is not.
func TestMigrationFaults(t *testing.T) {
	w := newWorld(t)
	ids := send(t, w, 3)
	gone := w.create(4)
	missing := w.add(gone.ID, "gone")
	m := newMove(t, w)
	fatal(t, os.WriteFile(w.path(ids[1]), []byte("abd"), 0o600))
	moment := uploadstest.Must(w.meta.Snapshot(t.Context()))(t)
	defer moment.Close()
	fatal(t, os.Remove(w.path(missing)))
	done := uploadstest.Must(m.Copy(t.Context(), moment, false))(t)
	if done.Faults != 2 || done.Gone != 0 || done.New != 3 || len(m.faults) != 2 {
		t.Errorf("%+v, faults %q", done, m.faults)
	}
	for _, want := range []string{ids[1], missing + " of " + gone.ID + ": its bytes are missing"} {
		if !strings.Contains(strings.Join(m.faults, "\n"), "part "+want) {
			t.Errorf("%q is not named: %q", want, m.faults)
		}
	}
	if _, err := m.target.Load(t.Context(), moment, 1); err == nil {
		t.Error("records without their bytes were loaded")
	}
	uploadstest.Must(w.api.CancelUpload(t.Context(), gone.ID))(t)
	fatal(t, os.WriteFile(w.path(ids[1]), []byte("abc"), 0o600))
	if done := uploadstest.Must(m.Copy(t.Context(), moment, false))(t); done.Faults != 0 || done.Gone != 1 || done.New != 1 {
		t.Errorf("when the record is gone too: %+v, faults %q", done, m.faults)
	}
	uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t)
	m.load(t, w)
}

// path is where the disk keeps a blob.
func (w *world) path(key string) string { return filepath.Join(w.dir, "blobs", key[len(key)-2:], key) }

// A copy that is damaged afterwards is found by reading it again, and only so. One that
// the store damages at once is never taken for whole.
func TestMigrationVerifies(t *testing.T) {
	w := newWorld(t)
	send(t, w, 3)
	m := newMove(t, w)
	uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t)
	fatal(t, os.WriteFile(m.copies(t)[0], []byte("x"), 0o600))
	if done := uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t); done.New != 0 {
		t.Errorf("without reading again: %+v", done)
	}
	if done := uploadstest.Must(m.Copy(t.Context(), w.meta, true))(t); done.New != 1 || done.Faults != 0 {
		t.Errorf("read again: %+v", done)
	}
	m.load(t, w)

	m = newMove(t, w)
	m.Verify = true
	honest := m.To
	m.To = forgetful{honest}
	if done := uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t); done.Faults != 3 || !strings.Contains(m.faults[0], "its copy: ") {
		t.Errorf("a store that forgets: %+v, faults %q", done, m.faults)
	}
	m.To = honest
	if done := uploadstest.Must(m.Copy(t.Context(), w.meta, false))(t); done.New != 3 {
		t.Errorf("a store that does not: %+v", done)
	}
	m.load(t, w)
}

// forgetful keeps zeros.
type forgetful struct{ uploads.Blobs }

func (f forgetful) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	return f.Blobs.Put(ctx, key, bytes.NewReader(make([]byte, len(data))))
}

// A target without room ends the copy, and a store is known under another name.
func TestMigrationStops(t *testing.T) {
	w := newWorld(t)
	send(t, w, 3)
	m := newMove(t, w)
	blobs := m.To
	_, m.To = uploadstest.Intercept(nil, blobs, func(op string, do func() error) error {
		if op == "Blobs.Put" {
			return syscall.ENOSPC
		}
		return do()
	})
	if _, err := m.Copy(t.Context(), w.meta, false); !errors.Is(err, syscall.ENOSPC) || len(m.faults) > 0 {
		t.Errorf("a full target: %v, faults %q", err, m.faults)
	}
	if _, err := m.Common(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("asking a full target: %v", err)
	}
	m.To = blobs
	if common := uploadstest.Must(m.Common(t.Context()))(t); common {
		t.Error("two stores are said to be one")
	}
	m.To = uploadstest.Must(blob.OpenDisk(filepath.Join(w.dir, "blobs")))(t)
	if common := uploadstest.Must(m.Common(t.Context()))(t); !common || len(w.stored()) != 4 {
		t.Errorf("one store is said to be two, or has %d blobs now", len(w.stored()))
	}
	fatal(t, m.To.(*blob.Disk).Close())
}
