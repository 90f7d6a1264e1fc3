package uploadstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadd/internal/uploads"
)

// TestMeta holds a store of records to its contract. open returns an empty one.
// What the suite of the API covers is not repeated here; this is what lies
// under it: the compare-and-swaps, the bin, and the clock.
func TestMeta(t *testing.T, open func(*testing.T) uploads.Meta) {
	for name, test := range map[string]func(*testing.T, uploads.Meta){
		"Compare and swap":                        testSwap,
		"A part leaves the bin, once":             testBin,
		"The bounds of an upload":                 testBounds,
		"Only what no record refers to is doomed": testDoom,
		"Expiry":                               testExpire,
		"Purge":                                testPurge,
		"Projects do not see each other":       testProjects,
		"The order of lists ignores the clock": testOrder,
		"Many writers":                         testWriters,
		"A failed step leaves nothing":         testAtomic,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var plenty = uploads.Bounds{Bytes: 1 << 40, Parts: 1 << 20}

func newUpload(t testing.TB, m uploads.Meta, project string, n int, created, expires int64) *uploads.Upload {
	t.Helper()
	u := &uploads.Upload{ID: fmt.Sprintf("upload_%032x", n), Project: project, Filename: "f", Purpose: "batch",
		MimeType: "text/plain", Bytes: 3, Status: "pending", CreatedAt: created, ExpiresAt: expires}
	ok(t, m.CreateUpload(background, u))
	return u
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// newPart records a part of 3 bytes.
func newPart(t testing.TB, m uploads.Meta, u *uploads.Upload, n int) uploads.Part {
	t.Helper()
	ok(t, m.Reserve(background, []string{key(n)}, 1<<40))
	p := uploads.Part{ID: key(n), UploadID: u.ID, Bytes: 3, Padding: 2, CRC32C: 0xfedcba98, Sums: []byte{0xfe, 0xdc, 0xba, 0x98}, CreatedAt: u.CreatedAt}
	ok(t, m.AddPart(background, u.Project, &p, u.CreatedAt, plenty))
	return p
}

func fileOf(u *uploads.Upload, n int) *uploads.File {
	return &uploads.File{ID: fmt.Sprintf("file-%022d", n), Project: u.Project, UploadID: u.ID, Filename: u.Filename,
		Purpose: u.Purpose, Bytes: 3, CRC32C: 0xfedcba98, CreatedAt: u.CreatedAt, Parts: 1}
}

func binned(t testing.TB, m uploads.Meta) (keys []string) {
	t.Helper()
	for _, e := range Must(m.Bin(background, "", 1000))(t) {
		keys = append(keys, e.Key)
	}
	return keys
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testSwap(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	p := newPart(t, m, u, 1)
	f := fileOf(u, 1)
	is(t, m.Complete(background, f, []uploads.Part{p}, 200, 0), uploads.ErrConflict) // its time is up
	is(t, m.Cancel(background, "p", u.ID, 200, 0), uploads.ErrConflict)
	is(t, m.Cancel(background, "q", u.ID, 150, 0), uploads.ErrConflict) // another project's
	other := *f
	other.Project = "q"
	is(t, m.Complete(background, &other, []uploads.Part{p}, 150, 0), uploads.ErrConflict)
	ok(t, m.Complete(background, f, []uploads.Part{p}, 199, 0))
	is(t, m.Complete(background, fileOf(u, 2), []uploads.Part{p}, 199, 0), uploads.ErrConflict)
	is(t, m.Cancel(background, "p", u.ID, 150, 0), uploads.ErrConflict)
	ok(t, m.Reserve(background, []string{key(2)}, 1<<40))
	late := uploads.Part{ID: key(2), UploadID: u.ID, Bytes: 3, CreatedAt: 150}
	is(t, m.AddPart(background, "p", &late, 150, plenty), uploads.ErrConflict)
	equal(t, "the bin", binned(t, m), []string{key(2)})

	got := Must(m.Upload(background, "p", u.ID))(t)
	want := *u
	want.Seq, want.Status, want.FileID = got.Seq, "completed", f.ID
	equal(t, "the upload", *got, want)
	gotFile := Must(m.File(background, "p", f.ID, 150))(t)
	f.Seq = gotFile.Seq
	equal(t, "the file", gotFile, f)
	parts := Must(m.FileParts(background, f.Project, f.ID))(t)
	p.Seq, p.FileID = parts[0].Seq, f.ID
	equal(t, "its parts", parts, []uploads.Part{p})
	is(t, m.DeleteFile(background, uploads.Caller{Project: "q"}, f.ID, 150, 0), uploads.ErrConflict)
	ok(t, m.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 150, 160))
	is(t, m.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 150, 160), uploads.ErrConflict)
	equal(t, "the bin", binned(t, m), []string{key(1), key(2)})
}

func testBin(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	p := uploads.Part{ID: key(1), UploadID: u.ID, Bytes: 3, CreatedAt: 100}
	is(t, m.AddPart(background, "p", &p, 100, plenty), uploads.ErrLostKey) // never reserved
	ok(t, m.Reserve(background, []string{key(1), key(2)}, 150))
	ok(t, m.AddPart(background, "p", &p, 100, plenty))
	equal(t, "the bin", binned(t, m), []string{key(2)})
	ok(t, m.Discard(background, []string{key(1), key(2)}, 0))
	equal(t, "what is doomed", Must(m.Doom(background, 1, 1, 10))(t), []string{key(2)})
	// A doomed key cannot come back, even for a writer that slept through it.
	late := p
	late.ID = key(2)
	is(t, m.AddPart(background, "p", &late, 100, plenty), uploads.ErrLostKey)
	is(t, m.CreateFile(background, fileOf(u, 5), &late), uploads.ErrLostKey)
	if _, err := m.File(background, "p", fileOf(u, 5).ID, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was recorded without its bytes: %v", err)
	}
	equal(t, "what is doomed still", Must(m.Doom(background, 1, 1, 10))(t), []string{key(2)})
	// Nor is it forgotten if its writer gave up while its blob was being deleted,
	// or after.
	ok(t, m.Discard(background, []string{key(2)}, 0))
	ok(t, m.Forget(background, []string{key(2)}))
	equal(t, "what was discarded is doomed again", Must(m.Doom(background, 1, 1, 10))(t), []string{key(2)})
	ok(t, m.Forget(background, []string{key(2)}))
	ok(t, m.Discard(background, []string{key(1), key(2)}, 0))
	equal(t, "what was discarded late", Must(m.Doom(background, 1, 1, 10))(t), []string{key(2)})
	ok(t, m.Forget(background, []string{key(2)}))
	equal(t, "the bin", binned(t, m), nil)
	for k, want := range map[string]bool{key(1): true, key(2): false} {
		if got := Must(m.Known(background, k))(t); got != want {
			t.Errorf("known %s: %v", k, got)
		}
	}
}

func testBounds(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	ok(t, m.Reserve(background, []string{key(1), key(2), key(3)}, 1<<40))
	add := func(n int, b uploads.Bounds) error {
		return m.AddPart(background, "p", &uploads.Part{ID: key(n), UploadID: u.ID, Bytes: 3, CreatedAt: 100}, 100, b)
	}
	ok(t, add(1, uploads.Bounds{Bytes: 6, Parts: 2}))
	is(t, add(2, uploads.Bounds{Bytes: 5, Parts: 2}), uploads.ErrTooMuch)
	is(t, add(2, uploads.Bounds{Bytes: 6, Parts: 1}), uploads.ErrTooMuch)
	ok(t, add(2, uploads.Bounds{Bytes: 6, Parts: 2})) // what was refused was not counted
	is(t, add(3, uploads.Bounds{Bytes: 6, Parts: 2}), uploads.ErrTooMuch)
}

func testDoom(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	kept := newPart(t, m, u, 1)
	ok(t, m.Reserve(background, []string{key(2), key(3), key(4)}, 150))
	// A key both in the bin and of a part cannot come to be; if it did, the part wins.
	ok(t, m.Reserve(background, []string{kept.ID}, 1))
	ok(t, m.Discard(background, []string{key(3)}, 400))
	equal(t, "nothing is due", Must(m.Doom(background, 0, 0, 10))(t), nil)
	got := Must(m.Doom(background, 150, 150, 10))(t)
	slices.Sort(got)
	equal(t, "due", got, []string{key(2), key(4)})
	equal(t, "at most one", len(Must(m.Doom(background, 400, 400, 1))(t)), 1)
	equal(t, "all of them", len(Must(m.Doom(background, 400, 500, 10))(t)), 3)
	equal(t, "while another node deletes them", Must(m.Doom(background, 499, 600, 10))(t), nil)
	equal(t, "when it did not", len(Must(m.Doom(background, 500, 600, 10))(t)), 3)
}

func testExpire(t *testing.T, m uploads.Meta) {
	young, old := newUpload(t, m, "p", 1, 100, 201), newUpload(t, m, "p", 2, 100, 200)
	newPart(t, m, young, 1)
	newPart(t, m, old, 2)
	done := newUpload(t, m, "q", 3, 100, 200)
	p := newPart(t, m, done, 3)
	f := fileOf(done, 1)
	f.ExpiresAt = 300
	ok(t, m.Complete(background, f, []uploads.Part{p}, 150, 0))
	equal(t, "before", Must(m.Expire(background, 199, 199, 10))(t), 0)
	equal(t, "at 200", Must(m.Expire(background, 200, 210, 10))(t), 1)
	equal(t, "status", Must(m.Upload(background, "p", old.ID))(t).Status, "expired")
	equal(t, "status", Must(m.Upload(background, "p", young.ID))(t).Status, "pending")
	equal(t, "status", Must(m.Upload(background, "q", done.ID))(t).Status, "completed")
	equal(t, "the bin", Must(m.Bin(background, "", 9))(t), []uploads.BinEntry{{Key: key(2), Due: 210}})
	if _, err := m.File(background, "q", f.ID, 300); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an expired file is shown: %v", err)
	}
	equal(t, "listed", len(Must(m.Files(background, "q", uploads.Page{Limit: 9}, 300))(t)), 0)
	equal(t, "listed before", len(Must(m.Files(background, "q", uploads.Page{Limit: 9}, 299))(t)), 1)
	is(t, m.DeleteFile(background, uploads.Caller{Project: "q"}, f.ID, 300, 0), uploads.ErrConflict)
	equal(t, "at 300", Must(m.Expire(background, 300, 310, 10))(t), 2)
	equal(t, "the bin", binned(t, m), []string{key(1), key(2), key(3)})
	equal(t, "again", Must(m.Expire(background, 300, 310, 10))(t), 0)
}

func testPurge(t *testing.T, m uploads.Meta) {
	cancelled, pending, done := newUpload(t, m, "p", 1, 100, 200), newUpload(t, m, "p", 2, 100, 200), newUpload(t, m, "p", 3, 100, 200)
	ok(t, m.Cancel(background, "p", cancelled.ID, 110, 0))
	f := fileOf(done, 1)
	ok(t, m.Complete(background, f, []uploads.Part{newPart(t, m, done, 1)}, 110, 0))
	equal(t, "too young", Must(m.Purge(background, 110, 10))(t), 0)
	equal(t, "the cancelled one", Must(m.Purge(background, 111, 10))(t), 1)
	_, err := m.Upload(background, "p", cancelled.ID)
	is(t, err, fs.ErrNotExist)
	for _, u := range []*uploads.Upload{pending, done} { // the file of done lives
		Must(m.Upload(background, "p", u.ID))(t)
	}
	ok(t, m.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 120, 0))
	if got := Must(m.Purge(background, 121, 10))(t); got == 0 {
		t.Error("the deleted file and its upload were not purged")
	}
	_, err = m.Upload(background, "p", done.ID)
	is(t, err, fs.ErrNotExist)
	_, err = m.Files(background, "p", uploads.Page{Limit: 1, After: f.ID}, 121)
	is(t, err, fs.ErrNotExist)
}

func testProjects(t *testing.T, m uploads.Meta) {
	mine, theirs := newUpload(t, m, "mine", 1, 100, 200), newUpload(t, m, "theirs", 2, 100, 200)
	f := fileOf(theirs, 1)
	ok(t, m.Complete(background, f, []uploads.Part{newPart(t, m, theirs, 1)}, 110, 0))
	_, err := m.Upload(background, "mine", theirs.ID)
	is(t, err, fs.ErrNotExist)
	_, err = m.File(background, "mine", f.ID, 110)
	is(t, err, fs.ErrNotExist)
	_, err = m.Files(background, "mine", uploads.Page{Limit: 9, After: f.ID}, 110)
	is(t, err, fs.ErrNotExist)
	_, err = m.Uploads(background, "mine", uploads.Page{Limit: 9, After: theirs.ID})
	is(t, err, fs.ErrNotExist)
	equal(t, "files", len(Must(m.Files(background, "mine", uploads.Page{Limit: 9}, 110))(t)), 0)
	us := Must(m.Uploads(background, "mine", uploads.Page{Limit: 9}))(t)
	if len(us) != 1 || us[0].ID != mine.ID {
		t.Errorf("uploads: %+v", us)
	}
	ok(t, m.Reserve(background, []string{key(7)}, 1<<40))
	is(t, m.AddPart(background, "theirs", &uploads.Part{ID: key(7), UploadID: mine.ID, Bytes: 1}, 110, plenty), uploads.ErrConflict)
}

// Files with later, equal and earlier times than those before them: a walk
// shows each once, in the order (created_at, sequence).
func testOrder(t *testing.T, m uploads.Meta) {
	times := []int64{100, 100, 90, 100, 300, 90}
	want := []int{3, 6, 1, 2, 4, 5}
	for i, created := range times {
		ok(t, m.Reserve(background, []string{key(i)}, 1<<40))
		f := fileOf(&uploads.Upload{Project: "p", Purpose: "batch", Filename: "f", CreatedAt: created}, i+1)
		ok(t, m.CreateFile(background, f, &uploads.Part{ID: key(i), FileID: f.ID, Bytes: 3, CreatedAt: created}))
	}
	for _, desc := range []bool{false, true} {
		var got []string
		for page := (uploads.Page{Limit: 1, Desc: desc}); ; {
			fs := Must(m.Files(background, "p", page, 0))(t)
			if len(fs) == 0 || len(got) > len(times) {
				break
			}
			got = append(got, fs[0].ID)
			page.After = fs[0].ID
		}
		if desc {
			slices.Reverse(got)
		}
		var ids []string
		for _, n := range want {
			ids = append(ids, fmt.Sprintf("file-%022d", n))
		}
		equal(t, fmt.Sprint("descending: ", desc), got, ids)
	}
}

// Every write that was acknowledged is there, whatever it shared a commit with.
func testWriters(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				p := uploads.Part{ID: key(w*100 + i), UploadID: u.ID, Bytes: 1, CreatedAt: 100}
				if i%4 != 3 { // the fourth is never reserved, and fails alone
					if err := m.Reserve(background, []string{p.ID}, 1<<40); err != nil {
						t.Error(err)
					}
				}
				err := m.AddPart(background, "p", &p, 100, plenty)
				if (err == nil) != (i%4 != 3) || err != nil && !errors.Is(err, uploads.ErrLostKey) {
					t.Errorf("part %d of writer %d: %v", i, w, err)
				}
				if err == nil {
					mu.Lock()
					acked[p.ID] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	parts := Must(m.Parts(background, "p", u.ID, uploads.Page{Limit: 1000}))(t)
	for _, p := range parts {
		delete(acked, p.ID)
	}
	if len(parts) != 16*15 || len(acked) != 0 {
		t.Errorf("%d parts, and %d acknowledged ones are missing", len(parts), len(acked))
	}
}

func testAtomic(t *testing.T, m uploads.Meta) {
	u := newUpload(t, m, "p", 1, 100, 200)
	p := newPart(t, m, u, 1)
	ghost := uploads.Part{ID: key(9), UploadID: u.ID, Bytes: 3}
	is(t, m.Complete(background, fileOf(u, 1), []uploads.Part{p, ghost}, 150, 0), uploads.ErrConflict)
	equal(t, "status", Must(m.Upload(background, "p", u.ID))(t).Status, "pending")
	foreign := newPart(t, m, newUpload(t, m, "p", 2, 100, 200), 2)
	is(t, m.Complete(background, fileOf(u, 1), []uploads.Part{p, foreign}, 150, 0), uploads.ErrConflict)
	equal(t, "parts of no file", len(Must(m.FileParts(background, "p", fileOf(u, 1).ID))(t)), 0)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if err := m.Cancel(ctx, "p", u.ID, 150, 0); err == nil {
		t.Error("a step whose caller had left was taken")
	}
	ok(t, m.Complete(background, fileOf(u, 1), []uploads.Part{p}, 150, 0))
	equal(t, "parts", len(Must(m.FileParts(background, "p", fileOf(u, 1).ID))(t)), 1)
}
