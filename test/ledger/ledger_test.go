package ledger

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func service(t *testing.T) api.API {
	dir := t.TempDir()
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(dir, "x.db")))(t)
	t.Cleanup(func() { m.Close() })
	b := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	t.Cleanup(func() { b.Close() })
	return uploads.New(uploads.Config{Meta: m, Blobs: b}).For("default")
}

// A ledger that never finds anything is worth nothing: each lie must be noticed.
func TestLedgerNotices(t *testing.T) {
	for name, tt := range map[string]struct {
		lie  func(l *Ledger, a api.API)
		want string // "" for no fault
	}{
		"the truth": {func(*Ledger, api.API) {}, ""},
		"a lost file": {func(l *Ledger, a api.API) {
			a.DeleteFile(context.Background(), l.living().id)
		}, "was acknowledged, and is gone"},
		"other bytes":         {func(l *Ledger, a api.API) { l.living().parts[0].seed++ }, "has not the bytes that were sent"},
		"a file that is back": {func(l *Ledger, a api.API) { l.living().deleted = done }, "was deleted, and is back"},
		"a file nobody sent": {func(l *Ledger, a api.API) {
			a.CreateFile(context.Background(), strings.NewReader("x"), func() (api.CreateFileRequest, error) {
				return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
			})
		}, "nobody sent it"},
		"a lost part": {func(l *Ledger, a api.API) {
			u := l.pending()
			u.parts = append(u.parts, part{"part_0", data{1, 1}})
		}, "part part_0 of upload"},
		"a torn part":   {func(l *Ledger, a api.API) { l.pending().parts[0].size++ }, "is not what was sent"},
		"an end undone": {func(l *Ledger, a api.API) { l.pending().canceled = done }, "is pending again"},
		"a lost upload": {func(l *Ledger, a api.API) { l.pending().id = "upload_0" }, "upload upload_0 was acknowledged, and is gone"},
		"another order": {func(l *Ledger, a api.API) {
			for _, u := range l.uploads {
				if u.completed == done && len(u.parts) > 1 && u.file.deleted == open {
					u.parts[0], u.parts[1] = u.parts[1], u.parts[0]
				}
			}
		}, "completed again, answers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, l := service(t), &Ledger{}
			for l.pending() == nil || l.living() == nil || l.Acked() < 50 {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				l.Load(ctx, a, 4, uint64(l.Acked()))
				cancel()
				for _, f := range l.Verify(t.Context(), a, false) {
					t.Errorf("before: %s", f)
				}
			}
			tt.lie(l, a)
			faults := strings.Join(l.Verify(t.Context(), a, true), "\n")
			if (tt.want == "") != (faults == "") || !strings.Contains(faults, tt.want) {
				t.Errorf("got faults:\n%s\nwant:\n%s", faults, tt.want)
			}
		})
	}
}

// The script comes to its end, again and again, and a clone does not share what
// becomes of its original.
func TestScript(t *testing.T) {
	a, l := service(t), &Ledger{}
	for life := 1; life <= 2; life++ {
		if !l.Script(t.Context(), a) || l.Blobs() != life*3 {
			t.Errorf("life %d: %d blobs, faults %q", life, l.Blobs(), l.Faults())
		}
	}
	c := l.Clone()
	l.living().deleted, l.pending().canceled = done, done
	if faults := c.Verify(t.Context(), a, true); len(faults) > 0 || c.Blobs() != 6 {
		t.Errorf("the clone: %d blobs, faults %q", c.Blobs(), faults)
	}
	if faults := l.Verify(t.Context(), a, true); len(faults) != 2 {
		t.Errorf("the original: faults %q, want two", faults)
	}
	if !c.Resume(t.Context(), a) || c.pending() != nil {
		t.Error("an upload was not resumed")
	}
	if faults := c.Verify(t.Context(), a, true); len(faults) > 0 {
		t.Errorf("resumed: faults %q", faults)
	}
	c.uploads[0].completed, c.uploads[0].parts = open, c.uploads[0].parts[:1]
	c.uploads[0].bytes = int64(c.uploads[0].parts[0].size)
	if c.Resume(t.Context(), a) || len(c.Faults()) != 1 {
		t.Errorf("a completion that is refused: faults %q, want one", c.Faults())
	}
}

// What is answered in doubt may be lost, and what was answered before may not.
func TestDoubt(t *testing.T) {
	a, l := service(t), &Ledger{}
	w := &worker{Ledger: l, ctx: t.Context(), api: a, rng: rand.New(rand.NewPCG(1, 1))}
	if !w.directFile(w.data()) {
		t.Fatal(l.Faults())
	}
	l.Doubt()
	if w.directFile(w.data()) || len(l.lostFiles) != 1 || l.Acked() != 1 {
		t.Errorf("in doubt: %d steps acknowledged, %d files not answered", l.Acked(), len(l.lostFiles))
	}
	c := l.Clone()
	if faults := l.Verify(t.Context(), a, true); len(faults) > 0 || len(l.files) != 2 || len(l.lostFiles) != 0 {
		t.Errorf("%d files, faults %q", len(l.files), faults)
	}
	for _, f := range l.files {
		if _, err := a.DeleteFile(t.Context(), f.id); err != nil {
			t.Fatal(err)
		}
	}
	if faults := c.Verify(t.Context(), a, true); len(faults) != 1 || !strings.Contains(faults[0], "is gone") {
		t.Errorf("both files are gone, one of them acknowledged: faults %q", faults)
	}
	if !w.directFile(w.data()) {
		t.Error("still in doubt after it was verified")
	}
}

func (l *Ledger) living() *file {
	for _, f := range l.files {
		if f.deleted == open {
			return f
		}
	}
	return nil
}

func (l *Ledger) pending() *upload {
	for _, u := range l.uploads {
		if u.completed == open && u.canceled == open && len(u.parts) > 0 {
			return u
		}
	}
	return nil
}
