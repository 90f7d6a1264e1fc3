package uploads_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func TestDomain(t *testing.T) {
	for name, open := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			uploadstest.TestAPI(t, func(t *testing.T) api.API { return w.svc.For(t.Name()) })
		})
	}
}

// What no database can hold as a text is an unknown id like others.
func TestIDsOfNobody(t *testing.T) {
	for name, open := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			a := open(t).api
			for _, id := range []string{"a\x00b", "a\xffb"} {
				_, err := a.GetUpload(background, id)
				uploadstest.WantError(t, err, api.ErrNotFound, "upload_id")
				_, err = a.CancelUpload(background, id)
				uploadstest.WantError(t, err, api.ErrNotFound, "upload_id")
				_, err = a.GetFile(background, id)
				uploadstest.WantError(t, err, api.ErrNotFound, "id")
				_, err = a.DeleteFile(background, id)
				uploadstest.WantError(t, err, api.ErrNotFound, "id")
				if l := uploadstest.Must(a.ListFiles(background, api.ListQuery{Purpose: id}))(t); len(l.Data) != 0 {
					t.Errorf("files of the purpose %q: %+v", id, l.Data)
				}
			}
		})
	}
}

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
	if f.CreatedAt != u.CreatedAt {
		t.Errorf("the file was created at %d, its upload at %d", f.CreatedAt, u.CreatedAt)
	}
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
	if l := uploadstest.Must(w.api.ListParts(t.Context(), u.ID, api.ListQuery{}))(t); len(l.Data) != 0 {
		t.Errorf("parts of an expired file are listed: %+v", l.Data)
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
		io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), // a body's word for it
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

// A completion that looked at its clock before the end of its Upload, and is
// recorded after somebody was told that it has expired, does not win.
func TestCompletionMeetsExpiry(t *testing.T) {
	for name, look := range map[string]func(w *world, id string) api.Status{
		"get": func(w *world, id string) api.Status {
			return uploadstest.Must(w.api.GetUpload(w.t.Context(), id))(w.t).Status
		},
		"list": func(w *world, id string) api.Status {
			return uploadstest.Must(w.api.ListUploads(w.t.Context(), api.ListQuery{}))(w.t).Data[0].Status
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			u := w.create(3)
			p := w.add(u.ID, "abc")
			svc := w.service(uploadstest.Intercept(w.meta, w.blobs, func(op string, do func() error) error {
				if op == "Meta.Complete" {
					w.pass(time.Hour)
					if got := look(w, u.ID); got != api.StatusExpired {
						t.Errorf("status %s", got)
					}
					w.pass(-time.Minute) // the completion's clock
				}
				return do()
			}))
			_, err := svc.For("default").CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{p}})
			if e := uploadstest.WantError(t, err, api.ErrState, "upload_id"); !strings.Contains(e.Message, "is expired") {
				t.Errorf("message %q does not name the state", e.Message)
			}
		})
	}
}

// A completion repeated while its File is being deleted is answered as one or the
// other, not with no Parts for all of them.
func TestCompletionMeetsDeletion(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	f := w.complete(u.ID, w.add(u.ID, "abc"))
	svc := w.service(uploadstest.Intercept(w.meta, w.blobs, func(op string, do func() error) error {
		if op == "Meta.FileParts" {
			uploadstest.Must(w.api.DeleteFile(t.Context(), f.ID))(t)
		}
		return do()
	}))
	_, err := svc.For("default").CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{}})
	uploadstest.WantError(t, err, api.ErrState, "upload_id")
}

// A part that cannot be kept is not read.
func TestRefusedPartIsNotRead(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	uploadstest.Must(w.api.CancelUpload(t.Context(), u.ID))(t)
	r := &hooked{Reader: strings.NewReader("abc"), hook: func() { t.Error("a part of a cancelled upload is read") }}
	uploadstest.WantError(t, second(w.api.AddPart(t.Context(), u.ID, r)), api.ErrState, "upload_id")
}

// What a client sent that left in mid-part is due at once, not when its lease ends.
func TestClientLeavesInMidPart(t *testing.T) {
	w := newWorld(t)
	u := w.create(3)
	ctx, leave := context.WithCancel(t.Context())
	if _, err := w.api.AddPart(ctx, u.ID, &hooked{Reader: strings.NewReader("abc"), hook: leave}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if n := w.clean(); n != 1 {
		t.Errorf("%d keys left the bin, want the one of the part", n)
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

// A cancellation that commits while a completion looks at the parts wins, and
// the completion says so.
func TestCancelledWhileCompleting(t *testing.T) {
	w := newWorld(t)
	for _, md5 := range []string{"", "900150983cd24fb0d6963f7d28e17f72"} {
		u := w.create(3)
		p := w.add(u.ID, "abc")
		// Before the Parts are looked up:
		meta, blobs := uploadstest.Intercept(w.meta, w.blobs, func(op string, do func() error) error {
			if op == "Meta.Parts" {
				uploadstest.Must(w.api.CancelUpload(t.Context(), u.ID))(t)
				w.pass(time.Minute)
				w.clean()
			}
			return do()
		})
		svc := uploads.New(uploads.Config{Now: w.svc.Now, Meta: meta, Blobs: blobs})
		_, err := svc.For("default").CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{p}, MD5: md5})
		if e := uploadstest.WantError(t, err, api.ErrState, "upload_id"); !strings.Contains(e.Message, "is cancelled") {
			t.Errorf("message %q does not name the state", e.Message)
		}
	}
}
