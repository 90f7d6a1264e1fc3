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
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func TestDomain(t *testing.T) {
	w := newWorld(t)
	uploadstest.TestAPI(t, func(t *testing.T) api.API { return w.svc.For(t.Name()) })
}

// world is a Service on SQLite and a disk of the test's own, with a clock that
// the test sets.
type world struct {
	t     testing.TB
	dir   string
	clock atomic.Int64 // Unix seconds
	meta  *meta.Store
	blobs *blob.Disk
	svc   *uploads.Service
	api   api.API
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.clock.Store(1_800_000_000)
	w.meta = uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(w.dir, "uploadd.db")))(t)
	t.Cleanup(func() { w.meta.Close() })
	w.blobs = uploadstest.Must(blob.OpenDisk(filepath.Join(w.dir, "blobs")))(t)
	t.Cleanup(func() { w.blobs.Close() })
	w.start()
	return w
}

// start makes a new Service on the stores, as after a crash.
func (w *world) start() {
	w.svc = uploads.New(uploads.Config{
		Meta: w.meta, Blobs: w.blobs, Exclusive: true,
		Now: func() time.Time { return time.Unix(w.clock.Load(), 0) },
	})
	if err := w.svc.Recover(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.api = w.svc.For("default")
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

func TestUploadExpires(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	p := w.add(u.ID, "abc")
	w.pass(time.Hour - time.Second)
	if w.clean(); len(w.stored()) != 1 {
		t.Error("a part of a living upload was deleted")
	}
	w.add(u.ID, "abc")
	w.pass(time.Second) // no janitor yet: it is expired all the same
	for step, err := range map[string]error{
		"add":      second(w.api.AddPart(t.Context(), u.ID, strings.NewReader("abc"))),
		"complete": second(w.api.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{p}})),
		"cancel":   second(w.api.CancelUpload(t.Context(), u.ID)),
	} {
		if e := uploadstest.WantError(t, err, api.ErrState, "upload_id"); !strings.Contains(e.Message, "is expired") {
			t.Errorf("%s: message %q does not name the state", step, e.Message)
		}
	}
	for range 2 { // before and after the janitor
		if got := uploadstest.Must(w.api.GetUpload(t.Context(), u.ID))(t).Status; got != api.StatusExpired {
			t.Errorf("status %s", got)
		}
		if ps := uploadstest.Must(w.api.ListParts(t.Context(), u.ID, api.ListQuery{}))(t); len(ps.Data) != 0 {
			t.Errorf("parts of an expired upload: %+v", ps.Data)
		}
		w.clean()
	}
	w.pass(time.Minute)
	if w.clean(); len(w.stored()) != 0 {
		t.Errorf("left on the disk: %v", w.stored())
	}
	if f := w.faults(); f != nil {
		t.Errorf("faults: %v", f)
	}
}

func second[T any](_ T, err error) error { return err }

func TestFileExpires(t *testing.T) {
	w := newWorld(t)
	u := uploadstest.Must(w.api.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain",
		ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 3600}}))(t)
	w.pass(10 * time.Minute)
	f := w.complete(u.ID, w.add(u.ID, "abc"))
	w.pass(50*time.Minute - time.Second)
	if w.clean(); string(uploadstest.Read(t, w.api, f.ID)) != "abc" {
		t.Error("a living file cannot be read")
	}
	w.pass(time.Second)
	uploadstest.WantError(t, second(w.api.GetFile(t.Context(), f.ID)), api.ErrNotFound, "id")
	uploadstest.WantError(t, second(w.api.OpenFile(t.Context(), f.ID)), api.ErrNotFound, "id")
	if l := uploadstest.Must(w.api.ListFiles(t.Context(), api.ListQuery{}))(t); len(l.Data) != 0 {
		t.Errorf("an expired file is listed: %+v", l.Data)
	}
	w.clean()
	w.pass(time.Minute)
	if w.clean(); len(w.stored()) != 0 {
		t.Errorf("left on the disk: %v", w.stored())
	}
}

// What is let go leaves the disk after the grace, and nothing else does.
func TestSpaceReturns(t *testing.T) {
	w := newWorld(t)
	cancelled, done := w.create(3), w.create(3)
	w.add(cancelled.ID, "abc")
	kept := w.add(done.ID, "abc")
	w.add(done.ID, "abc") // sent again after a lost response
	f := w.complete(done.ID, kept)
	uploadstest.Must(w.api.CancelUpload(t.Context(), cancelled.ID))(t)
	if w.clean(); len(w.stored()) != 3 {
		t.Error("bytes were deleted within the grace")
	}
	w.pass(10 * time.Second)
	if n := w.clean(); n != 2 || len(w.stored()) != 1 {
		t.Errorf("%d blobs deleted, %d left", n, len(w.stored()))
	}
	if got := uploadstest.Read(t, w.api, f.ID); string(got) != "abc" {
		t.Errorf("read %q", got)
	}
	uploadstest.Must(w.api.DeleteFile(t.Context(), f.ID))(t)
	w.pass(10 * time.Second)
	if w.clean(); len(w.stored()) != 0 {
		t.Errorf("left on the disk: %v", w.stored())
	}
}

// A part that is refused or breaks off leaves nothing, at once.
func TestFailedPartLeavesNothing(t *testing.T) {
	w := newWorld(t)
	u := w.create(10)
	cause := errors.New("cut off")
	for _, r := range []io.Reader{
		strings.NewReader(""),
		strings.NewReader("more than ten bytes"),
		io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(cause)),
	} {
		if _, err := w.api.AddPart(t.Context(), u.ID, r); err == nil {
			t.Error("a bad part was taken")
		}
	}
	if _, err := w.api.AddPart(t.Context(), u.ID, iotest.ErrReader(cause)); !errors.Is(err, cause) {
		t.Errorf("the source's error became %v", err)
	}
	// Cancelled while the bytes flow: read to the end, then refused.
	r := &hooked{Reader: strings.NewReader("abc"), hook: func() { uploadstest.Must(w.api.CancelUpload(t.Context(), u.ID))(t) }}
	uploadstest.WantError(t, second(w.api.AddPart(t.Context(), u.ID, r)), api.ErrState, "upload_id")
	_, err := w.api.CreateFile(t.Context(), strings.NewReader("abc"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{}, cause
	})
	if !errors.Is(err, cause) {
		t.Errorf("the description's error became %v", err)
	}
	if w.clean(); len(w.stored()) != 0 {
		t.Errorf("left on the disk: %v", w.stored())
	}
	if ps := uploadstest.Must(w.api.ListFiles(t.Context(), api.ListQuery{}))(t); len(ps.Data) != 0 {
		t.Errorf("files: %+v", ps.Data)
	}
}

// hooked calls hook before its first byte.
type hooked struct {
	io.Reader
	hook func()
}

func (h *hooked) Read(p []byte) (int, error) {
	if h.hook != nil {
		h.hook()
		h.hook = nil
	}
	return h.Reader.Read(p)
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
				if err := w.blobs.Put(context.Background(), e.Key, strings.NewReader("torn")); err != nil {
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

// Records that ended long ago are forgotten, but hold their place until then.
func TestRecordsAreForgotten(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	f := w.complete(u.ID, w.add(u.ID, "abc"))
	w.pass(40 * 24 * time.Hour)
	w.clean()
	if got := uploadstest.Must(w.api.GetUpload(t.Context(), u.ID))(t); got.File == nil || got.File.ID != f.ID {
		t.Errorf("the upload of a living file: %+v", got)
	}
	uploadstest.Must(w.api.DeleteFile(t.Context(), f.ID))(t)
	w.pass(29 * 24 * time.Hour)
	w.clean()
	uploadstest.Must(w.api.ListFiles(t.Context(), api.ListQuery{After: f.ID}))(t)
	w.pass(2 * 24 * time.Hour)
	w.clean()
	uploadstest.WantError(t, second(w.api.ListFiles(t.Context(), api.ListQuery{After: f.ID})), api.ErrInvalid, "after")
	uploadstest.WantError(t, second(w.api.GetUpload(t.Context(), u.ID)), api.ErrNotFound, "upload_id")
}

// A client that loses every second response still completes; one that only
// ever sends is stopped.
func TestTooManyParts(t *testing.T) {
	w := newWorld(t)
	u := w.create(1)
	for range 3 {
		w.add(u.ID, "x")
	}
	svc := uploads.New(uploads.Config{Meta: bounded{w.meta}, Blobs: w.blobs, Now: w.svc.Now})
	err := second(svc.For("default").AddPart(t.Context(), u.ID, strings.NewReader("x")))
	uploadstest.WantError(t, err, api.ErrInvalid, "data")
	w.complete(u.ID, w.add(u.ID, "x"))
}

// bounded sets the bounds low.
type bounded struct{ uploads.Meta }

func (b bounded) AddPart(ctx context.Context, project string, p *uploads.Part, now int64, _ uploads.Bounds) error {
	return b.Meta.AddPart(ctx, project, p, now, uploads.Bounds{Bytes: 3, Parts: 10})
}

// One project knows all ids of another, and gets what it gets for made-up ones.
func TestProjectsAreApart(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	p := w.add(u.ID, "abc")
	done := w.create(3)
	f := w.complete(done.ID, w.add(done.ID, "abc"))
	stranger := w.svc.For("stranger")
	for _, err := range []error{
		second(stranger.GetUpload(t.Context(), u.ID)),
		second(stranger.AddPart(t.Context(), u.ID, strings.NewReader("abc"))),
		second(stranger.ListParts(t.Context(), u.ID, api.ListQuery{})),
		second(stranger.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{p}})),
		second(stranger.CompleteUpload(t.Context(), done.ID, api.CompleteUploadRequest{PartIDs: []string{p}})),
		second(stranger.CancelUpload(t.Context(), u.ID)),
		second(stranger.GetFile(t.Context(), f.ID)),
		second(stranger.OpenFile(t.Context(), f.ID)),
		second(stranger.DeleteFile(t.Context(), f.ID)),
	} {
		uploadstest.WantError(t, err, api.ErrNotFound, "")
	}
	uploadstest.WantError(t, second(stranger.ListFiles(t.Context(), api.ListQuery{After: f.ID})), api.ErrInvalid, "after")
	uploadstest.WantError(t, second(stranger.ListUploads(t.Context(), api.ListQuery{After: u.ID})), api.ErrInvalid, "after")
	mine := uploadstest.Must(stranger.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"}))(t)
	err := second(stranger.CompleteUpload(t.Context(), mine.ID, api.CompleteUploadRequest{PartIDs: []string{p}}))
	uploadstest.WantError(t, err, api.ErrInvalid, "part_ids")
	if l := uploadstest.Must(stranger.ListFiles(t.Context(), api.ListQuery{}))(t); len(l.Data) != 0 {
		t.Errorf("a stranger lists %+v", l.Data)
	}
	w.complete(u.ID, p) // nothing of it changed anything
}

// Every fault that can be planted is found and named, and no other.
func TestCheckFindsFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		plant func(t *testing.T, w *world, part, path string)
		want  string
	}{
		"nothing": {func(*testing.T, *world, string, string) {}, ""},
		"missing blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.Remove(path))
		}, "part PART of FILE: its bytes are missing"},
		"truncated blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.Truncate(path, 2))
		}, "part PART of FILE: 2 bytes are stored, and the record says 3"},
		"grown blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(path, []byte("defg"), 0o600))
		}, "part PART of FILE: 4 bytes are stored, and the record says 3"},
		"flipped bit": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(path, []byte("deg"), 0o600))
		}, "part PART of FILE: its bytes have checksum"},
		"extra blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, w.blobs.Put(t.Context(), "part_extra_ab", strings.NewReader("x")))
		}, "blob part_extra_ab: nothing refers to it"},
		"something else in its place": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(filepath.Join(filepath.Dir(path), "README.txt"), nil, 0o600))
		}, "README.txt: not a blob"},
		"missing part record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM parts WHERE id = '` + part + `'`)
		}, "file FILE: 1 of its 2 parts are recorded"},
		"missing file record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM files`)
		}, "part PART of FILE: there is no such record"},
		"missing upload record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM uploads WHERE status = 'pending'`)
		}, " of UPLOAD: there is no such record"},
		"parts in another order": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE parts SET position = position - 9; UPDATE parts SET position = 9 - position`)
		}, "file FILE: its part PART begins at byte 3 instead of 0"},
		"wrong checksum of the file": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE files SET crc32c = 1`)
		}, "file FILE: its parts have checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			open, done := w.create(3), w.create(6)
			w.add(open.ID, "xyz")
			p1, p2 := w.add(done.ID, "abc"), w.add(done.ID, "def")
			f := w.complete(done.ID, p1, p2)
			path := uploadstest.Must(filepath.Glob(filepath.Join(w.dir, "blobs", "*", p2)))(t)[0]
			tt.plant(t, w, p2, path)
			faults := strings.Join(w.faults(), "\n")
			want := strings.NewReplacer("PART", p2, "FILE", f.ID, "UPLOAD", open.ID).Replace(tt.want)
			if !strings.Contains(faults, want) || (want == "") != (faults == "") {
				t.Errorf("reported:\n%s\nwant:\n%s", faults, want)
			}
			// A download of what is damaged fails, or breaks off before its end.
			if strings.HasSuffix(name, "blob") && name != "extra blob" || name == "flipped bit" {
				c, err := w.api.OpenFile(t.Context(), f.ID)
				if err == nil {
					var got []byte
					got, err = io.ReadAll(c)
					c.Close()
					if err == nil || len(got) >= 6 {
						t.Errorf("read %q, %v", got, err)
					}
				}
				if err == nil {
					t.Error("a damaged file was opened and read")
				}
			}
		})
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The checksum of a whole, put together from those of its parts.
func TestCombinedChecksum(t *testing.T) {
	w := newWorld(t)
	data := uploadstest.Random(9, 1<<20)
	whole := w.create(int64(len(data)))
	one := w.complete(whole.ID, uploadstest.Must(w.api.AddPart(t.Context(), whole.ID, bytes.NewReader(data)))(t).ID)
	want := checksum(t, w.api, one.ID)
	for _, cuts := range [][]int{{1}, {1 << 19}, {3, 70_000, 70_001, 1<<20 - 1}} {
		u := w.create(int64(len(data)))
		var ids []string
		from := 0
		for _, to := range append(cuts, len(data)) {
			ids = append(ids, w.add(u.ID, string(data[from:to])))
			from = to
		}
		if got := checksum(t, w.api, w.complete(u.ID, ids...).ID); got != want {
			t.Errorf("cut at %v: %08x, want %08x", cuts, got, want)
		}
	}
}

func checksum(t testing.TB, a api.API, id string) uint32 {
	t.Helper()
	c := uploadstest.Must(a.OpenFile(t.Context(), id))(t)
	defer c.Close()
	sum, known := c.CRC32C()
	if !known {
		t.Error("the checksum is not known")
	}
	return sum
}
