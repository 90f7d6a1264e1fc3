package uploads_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/internal/uploads/uploadstest"
)

// A reservation lives for half a lease at least, however long ago the batch was
// made that it came from.
func TestReservationLives(t *testing.T) {
	w := newWorld(t)
	u := w.create(6)
	w.svc.UploadTTL = 100 * time.Hour
	long := w.create(6)
	w.add(u.ID, "abc") // reserves a batch, for 24 hours
	w.pass(13 * time.Hour)
	r := &hooked{Reader: strings.NewReader("abc"), hook: func() {
		w.pass(12 * time.Hour)
		w.clean()
	}}
	uploadstest.Must(w.api.AddPart(t.Context(), long.ID, r))(t)
	if f := w.faults(); f != nil {
		t.Errorf("faults: %v", f)
	}
}

// The key of a blob that could not be deleted stays in the bin.
func TestFailedDeletion(t *testing.T) {
	w := newWorld(t)
	u := w.create(6)
	stuck, other := w.add(u.ID, "abc"), w.add(u.ID, "def")
	path := filepath.Join(w.dir, "blobs", stuck[len(stuck)-2:], stuck)
	fatal(t, os.Remove(path))
	fatal(t, os.MkdirAll(filepath.Join(path, "full"), 0o700))
	uploadstest.Must(w.api.CancelUpload(t.Context(), u.ID))(t)
	w.pass(10 * time.Second)
	if _, err := w.svc.Clean(t.Context()); err == nil {
		t.Error("a deletion that failed is not reported")
	}
	for key, want := range map[string]bool{stuck: true, other: false} {
		if got := uploadstest.Must(w.meta.Known(t.Context(), key))(t); got != want {
			t.Errorf("key %s is in the bin: %v, want %v", key, got, want)
		}
	}
	fatal(t, os.Remove(filepath.Join(path, "full")))
	if n := w.clean(); n != 1 {
		t.Errorf("%d keys left the bin once the blob could be deleted, want 1", n)
	}
}

// A process dies between storing a blob and recording it.
func TestCrashBeforeRecord(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	died := make(chan struct{})
	go func() {
		defer close(died)
		w.api.AddPart(context.Background(), u.ID, &hooked{Reader: iotest.ErrReader(io.ErrNoProgress), hook: func() {
			// What a SIGKILL here would leave: a blob under a reserved key.
			for _, e := range uploadstest.Must(w.meta.Bin(context.Background(), "", 1))(t) {
				if _, err := w.blobs.Put(context.Background(), e.Key, strings.NewReader("torn")); err != nil {
					t.Error(err)
				}
			}
		}})
	}()
	<-died
	if len(w.stored()) != 1 {
		t.Fatalf("on the disk: %v", w.stored())
	}
	if f := w.faults(); f != nil {
		t.Errorf("faults: %v", f)
	}
	w.clean() // its lease lives
	if len(w.stored()) != 1 {
		t.Error("a reserved blob was deleted")
	}
	w.start()
	if w.clean(); len(w.stored()) != 0 {
		t.Errorf("left on the disk after a restart: %v", w.stored())
	}
	if bin := uploadstest.Must(w.meta.Bin(t.Context(), "", 100))(t); len(bin) != 0 {
		t.Errorf("left in the bin after a restart: %v", bin)
	}
}

// A blob's key stays in the bin for half its lease at least, however long ago the
// key was reserved.
func TestReservationsLive(t *testing.T) {
	w := newWorld(t)
	for range 5 { // of 64 keys reserved together
		u := w.create(3)
		w.api.AddPart(t.Context(), u.ID, &hooked{Reader: strings.NewReader("abc"), hook: func() {
			reserved := 0
			for _, e := range uploadstest.Must(w.meta.Bin(t.Context(), "", 1000))(t) {
				if e.Due-w.clock.Load() >= int64(12*time.Hour/time.Second) {
					reserved++
				}
			}
			if reserved == 0 {
				t.Error("no key in the bin lives for 12 hours more, and one of them is being used")
			}
		}})
		w.pass(7 * time.Hour)
	}
}

// A writer is held up, longer than its lease, after it took its key and before
// its first byte: the janitor finds no blob under the key and forgets it. The
// writer is refused, and what it stored does not stay.
func TestLeaseEndsBeforeTheFirstByte(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	svc := w.service(uploadstest.Intercept(w.meta, w.blobs, func(op string, do func() error) error {
		if op == "Blobs.Put" {
			w.pass(25 * time.Hour)
			w.clean()
		}
		return do()
	}))
	if _, err := svc.For("default").AddPart(t.Context(), u.ID, strings.NewReader("abc")); err == nil {
		t.Error("a part was recorded whose key was forgotten")
	}
	w.clean()
	if f := w.faults(); f != nil || len(w.stored()) != 0 {
		t.Errorf("faults %v, and on the disk %v", f, w.stored())
	}
}
