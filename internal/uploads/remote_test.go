package uploads_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// announced stores on a disk as much as the source promised before its first byte, as
// a store must that is told a length beforehand.
type announced struct{ uploads.Blobs }

func (a announced) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	first := make([]byte, 1)
	n, err := io.ReadFull(r, first)
	if err != nil && err != io.EOF {
		return 0, err
	}
	b, ok := r.(api.Bounded)
	if !ok {
		return 0, errors.New("the source does not know its length")
	}
	left, known := b.AtMost()
	if !known {
		return 0, errors.New("the source does not know its length once it has been read from")
	}
	zeros := bytes.NewReader(make([]byte, left))
	return a.Blobs.Put(ctx, key, io.LimitReader(io.MultiReader(bytes.NewReader(first[:n]), r, zeros), int64(n)+left))
}

// promising promises more than it has.
type promising struct {
	*bytes.Reader
	more int
}

func (p promising) AtMost() (int64, bool) { return int64(p.Len() + p.more), true }

// A blob that is longer than its Part is whole for everybody: readers of all of it and
// of ranges, the check, and a copy of it.
func TestPadding(t *testing.T) {
	w := newWorld(t)
	w.svc = w.service(w.meta, announced{w.blobs})
	w.api = w.svc.For("default")
	var data []byte
	var ids []string
	u := w.create(700_000)
	for i, n := range []int{300_000, 262_144, 137_856} {
		part := uploadstest.Random(uint64(i), n)
		data = append(data, part...)
		ids = append(ids, uploadstest.Must(w.api.AddPart(t.Context(), u.ID, promising{bytes.NewReader(part), 2 + i*1000}))(t).ID)
	}
	f := w.complete(u.ID, ids...)
	content := uploadstest.Must(w.api.OpenFile(t.Context(), f.ID))(t)
	defer content.Close()
	for _, from := range []int64{0, 1, 299_999, 300_000, 562_143, 562_144, 699_999} {
		uploadstest.Must(content.Seek(from, io.SeekStart))(t)
		if got := uploadstest.Must(io.ReadAll(content))(t); !bytes.Equal(got, data[from:]) {
			t.Errorf("from byte %d on: %d bytes, not those that were sent", from, len(got))
		}
	}
	if f := w.faults(); f != nil {
		t.Errorf("faults: %v", f)
	}
	blobs := uploadstest.Must(w.meta.AllParts(t.Context(), 0, 10))(t)
	if blobs[0].Padding != 2 || blobs[2].Padding != 2002 {
		t.Errorf("padding of %d and %d bytes is recorded, want 2 and 2002", blobs[0].Padding, blobs[2].Padding)
	}

	copied := newWorld(t)
	c := uploads.Copier{Meta: w.meta, From: w.blobs, To: copied.blobs, Report: func(f string) { t.Error(f) }}
	if done := uploadstest.Must(c.Copy(t.Context()))(t); done.New != 3 || done.Bytes != 700_000 {
		t.Errorf("copied: %+v", done)
	}
	check := uploads.Checker{Meta: w.meta, Blobs: copied.blobs, ReadData: true, Now: w.clock.Load(),
		Report: func(f string) { t.Errorf("the copy: %s", f) }}
	uploadstest.Must(check.Check(t.Context()))(t)
	if done := uploadstest.Must(c.Copy(t.Context()))(t); done.New != 0 {
		t.Errorf("copied again: %+v", done)
	}
}

// The bytes of a Put that failed may appear for as long as the store settles. Until
// then its key is in the bin, whatever becomes of the process, and no longer.
func TestSettling(t *testing.T) {
	w := newWorld(t)
	settling := func() *uploads.Service {
		return uploads.New(uploads.Config{Meta: w.meta, Blobs: w.blobs, Exclusive: true, Settle: time.Hour,
			Now: func() time.Time { return time.Unix(w.clock.Load(), 0) }})
	}
	w.svc = settling()
	u := w.create(3)
	broken := io.MultiReader(strings.NewReader("a"), iotest.ErrReader(errors.New("cut off")))
	if _, err := w.svc.For("default").AddPart(t.Context(), u.ID, broken); err == nil {
		t.Fatal("a part whose source broke was added")
	}
	w.pass(30 * time.Minute)
	w.svc = settling()
	fatal(t, w.svc.Recover(t.Context()))
	for i, want := range []int{64, 63, 0} { // the other reservations settle from the recovery on
		w.clean()
		if n := len(w.binned()); n != want {
			t.Errorf("%d half hours after the failure %d keys are in the bin, want %d", i+1, n, want)
		}
		w.pass(30 * time.Minute)
	}

	// What is let go may have been put twice.
	w.svc = settling()
	a := w.svc.For("default")
	part := uploadstest.Must(a.AddPart(t.Context(), w.create(3).ID, strings.NewReader("abc")))(t)
	uploadstest.Must(a.CancelUpload(t.Context(), part.UploadID))(t)
	w.pass(time.Hour - time.Second)
	w.clean()
	if len(w.stored()) != 1 {
		t.Error("bytes were deleted within the hour in which they may appear")
	}
	w.pass(time.Second)
	w.clean()
	if len(w.stored()) != 0 {
		t.Error("bytes were not deleted after that hour")
	}
}

// Where the blobs are not asked for when a File is opened, what is missing shows as
// soon as somebody wants to know, wherever reading is to begin.
func TestReady(t *testing.T) {
	w := newWorld(t)
	u := w.create(6)
	first, second := w.add(u.ID, "abc"), w.add(u.ID, "def")
	f := w.complete(u.ID, first, second)
	for _, path := range w.stored() {
		if strings.HasSuffix(path, second) {
			fatal(t, os.Remove(path))
		}
	}
	a := uploads.New(uploads.Config{Meta: w.meta, Blobs: w.blobs, Remote: true}).For("default")
	c := uploadstest.Must(a.OpenFile(t.Context(), f.ID))(t)
	defer c.Close()
	ready := func() error { return c.(api.Expectant).Ready(2) }
	if err := ready(); err != nil {
		t.Errorf("the first byte: %v", err)
	}
	if got := uploadstest.Must(io.ReadAll(io.LimitReader(c, 3)))(t); string(got) != "abc" {
		t.Errorf("read %q", got)
	}
	uploadstest.Must(c.Seek(4, io.SeekStart))(t)
	if err := ready(); err == nil {
		t.Error("a byte that is gone is said to be ready")
	}
	uploadstest.Must(c.Seek(0, io.SeekEnd))(t)
	if err := ready(); err != nil {
		t.Errorf("the end: %v", err)
	}
}
