package uploads_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// step is something that a client or the janitor does to a project that holds
// a fixture. svc is nil when it is done to the model.
type step struct {
	name string
	do   func(ctx context.Context, w *world, svc *uploads.Service, a api.API, fx fixture) error
}

// call is a step that asks the API alone.
func call[T any](name string, ask func(ctx context.Context, a api.API, fx fixture) (T, error)) step {
	return step{name, func(ctx context.Context, _ *world, _ *uploads.Service, a api.API, fx fixture) error {
		return second(ask(ctx, a, fx))
	}}
}

func completion(fx fixture, md5 string) api.CompleteUploadRequest {
	return api.CompleteUploadRequest{PartIDs: []string{fx.ab, fx.cd}, MD5: md5}
}

var steps = []step{
	call("create an upload", func(ctx context.Context, a api.API, _ fixture) (*api.Upload, error) {
		return a.CreateUpload(ctx, api.CreateUploadRequest{Filename: "new", Purpose: "batch", Bytes: 4, MimeType: "text/plain"})
	}),
	call("get an upload", func(ctx context.Context, a api.API, fx fixture) (*api.Upload, error) {
		return a.GetUpload(ctx, fx.made)
	}),
	call("list uploads", func(ctx context.Context, a api.API, fx fixture) (*api.List[api.Upload], error) {
		return a.ListUploads(ctx, api.ListQuery{After: fx.made})
	}),
	call("add a part", func(ctx context.Context, a api.API, fx fixture) (*api.Part, error) {
		return a.AddPart(ctx, fx.open, strings.NewReader("kl"))
	}),
	call("list parts", func(ctx context.Context, a api.API, fx fixture) (*api.List[api.PartInfo], error) {
		return a.ListParts(ctx, fx.open, api.ListQuery{After: fx.ab})
	}),
	call("complete", func(ctx context.Context, a api.API, fx fixture) (*api.Upload, error) {
		return a.CompleteUpload(ctx, fx.open, completion(fx, ""))
	}),
	call("complete with md5", func(ctx context.Context, a api.API, fx fixture) (*api.Upload, error) {
		return a.CompleteUpload(ctx, fx.open, completion(fx, openMD5))
	}),
	call("complete again", func(ctx context.Context, a api.API, fx fixture) (*api.Upload, error) {
		return a.CompleteUpload(ctx, fx.made, api.CompleteUploadRequest{PartIDs: fx.parts})
	}),
	call("cancel", func(ctx context.Context, a api.API, fx fixture) (*api.Upload, error) {
		return a.CancelUpload(ctx, fx.open)
	}),
	call("create a file", func(ctx context.Context, a api.API, _ fixture) (*api.File, error) {
		return a.CreateFile(ctx, strings.NewReader("mnop"), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "direct", Purpose: "vision"}, nil
		})
	}),
	call("get a file", func(ctx context.Context, a api.API, fx fixture) (*api.File, error) { return a.GetFile(ctx, fx.file) }),
	call("list files", func(ctx context.Context, a api.API, fx fixture) (*api.List[api.File], error) {
		return a.ListFiles(ctx, api.ListQuery{After: fx.file})
	}),
	call("delete a file", func(ctx context.Context, a api.API, fx fixture) (*api.DeletedFile, error) {
		return a.DeleteFile(ctx, fx.file)
	}),
	call("download", func(ctx context.Context, a api.API, fx fixture) (string, error) { return download(ctx, a, fx.file) }),
	{"clean", func(ctx context.Context, _ *world, svc *uploads.Service, a api.API, _ fixture) error {
		if m, ok := a.(*uploadstest.Model); ok {
			m.Clean()
			return nil
		}
		return second(svc.Clean(ctx))
	}},
	{"recover", func(ctx context.Context, _ *world, svc *uploads.Service, _ api.API, _ fixture) error {
		if svc == nil {
			return nil
		}
		return svc.Recover(ctx)
	}},
	{"check", func(ctx context.Context, w *world, svc *uploads.Service, _ api.API, _ fixture) error {
		if svc == nil {
			return nil
		}
		return check(ctx, w, svc)
	}},
}

// check holds the stores of svc against each other, without listing the disk; a
// fault it reports is an error.
// unaccounted leaves the accounts to clear: of all the projects that there ever were,
// they take longer each time.
type unaccounted struct{ uploads.Meta }

func (unaccounted) Miscounted(context.Context) ([]uploads.Account, error) { return nil, nil }

func check(ctx context.Context, w *world, svc *uploads.Service) error {
	var faults []string
	c := uploads.Checker{Meta: unaccounted{svc.Meta}, Blobs: svc.Blobs, ReadData: true, Now: w.clock.Load(),
		Report: func(f string) { faults = append(faults, f) }}
	_, err := c.Check(ctx)
	if err == nil && faults != nil {
		err = errors.New(strings.Join(faults, "; "))
	}
	return err
}

func download(ctx context.Context, a api.API, id string) (string, error) {
	c, err := a.OpenFile(ctx, id)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var b strings.Builder
	buf := make([]byte, 64)
	for n := 0; err == nil; b.Write(buf[:n]) {
		n, err = c.Read(buf)
	}
	if b.String() == "ghij" {
		return b.String(), nil
	}
	return "", fmt.Errorf("read %q: %w", b.String(), err)
}

// What becomes of one call of a store, or of all from one on.
const (
	failed            = "failed"
	failedButHappened = "failed but happened"
	down              = "down from here on"
	cancelled         = "the caller leaves"
)

var errPlanted = fmt.Errorf("%w: planted", uploads.ErrUnavailable)

// fault spoils call number at.
type fault struct {
	at    int
	kind  string
	leave context.CancelFunc

	calls int
	op    string // the first call that was spoilt
}

func (f *fault) hook(op string, do func() error) error {
	f.calls++
	if f.calls < f.at || f.calls > f.at && f.kind != down {
		return do()
	}
	if f.op == "" {
		f.op = op
	}
	switch f.kind {
	case failedButHappened:
		do() // whatever it says, the caller hears of a failure
	case cancelled:
		f.leave()
		return do()
	}
	return errPlanted
}

// Every call of a store that a step makes fails, in every way, one at a time:
// the answer says so, the step happened whole or not at all, trying again does
// what it would have done, and after a restart nothing is lost and nothing left.
func TestFaults(t *testing.T) {
	var planted atomic.Int64
	t.Run("steps", func(t *testing.T) {
		for _, s := range steps {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				for _, kind := range []string{failed, failedButHappened, down, cancelled} {
					for at := 1; plant(w, s, kind, at); at++ {
						planted.Add(1)
					}
				}
			})
		}
	})
	t.Logf("%d faults planted", planted.Load())
}

// plant tries s with a fault, and reports whether s made as many calls.
func plant(w *world, s step, kind string, at int) bool {
	t, project := w.t, fmt.Sprintf("%s %s %d", s.name, kind, at)
	w.start()
	hook := w.hooked(project)
	start := w.clock.Load()
	fx := aged(t, w.svc.For(project), w.pass)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	f := &fault{at: at, kind: kind, leave: leave}
	svc := w.service(uploadstest.Intercept(w.meta, w.blobs, f.hook))
	err := s.do(ctx, w, svc, svc.For(project), fx)
	what := fmt.Sprintf("%s (%s)", project, f.op)
	switch {
	case f.calls < at:
		fatal(t, err)
	case err == nil && kind != cancelled:
		t.Fatalf("%s: success was reported", what)
	case err != nil && kind != cancelled && !errors.Is(err, errPlanted) && s.name != "check":
		t.Fatalf("%s: the error became %v", what, err)
	}
	// The step happened, if it was reported; else it did, or it did not.
	got := state(t, w.svc.For(project))
	model, mfx := imagine(w, s, start, true)
	if err != nil && got != state(t, model) {
		model, mfx = imagine(w, s, start, false)
	}
	if want := state(t, model); got != want {
		t.Fatalf("%s: %v, and the project shows\n%s\nwant\n%s", what, err, got, want)
	}
	if err != nil {
		again := s.do(t.Context(), w, w.svc, w.svc.For(project), fx)
		if want := s.do(t.Context(), w, nil, model, mfx); !same(again, want) {
			t.Fatalf("%s: tried again, it answered %v, want %v", what, again, want)
		}
	}
	w.start()
	w.clean()
	w.pass(grace)
	w.clean()
	model.Now = w.clock.Load()
	model.Clean()
	if got, want := state(t, w.svc.For(project)), state(t, model); got != want {
		t.Fatalf("%s: after a restart the project shows\n%s\nwant\n%s", what, got, want)
	}
	w.holdsExactly(what)
	if bin := w.binned(); len(bin) != 0 {
		t.Fatalf("%s: left in the bin: %v", what, bin)
	}
	w.clear(what, project)
	w.told(what, hook)
	return f.calls >= at
}

// imagine is the project as it should be: made at start, with s done to it or not.
func imagine(w *world, s step, start int64, done bool) (*uploadstest.Model, fixture) {
	w.t.Helper()
	m := &uploadstest.Model{Now: start}
	fx := aged(w.t, m, func(d time.Duration) { m.Now += int64(d / time.Second) })
	if done {
		fatal(w.t, s.do(w.t.Context(), w, nil, m, fx))
	}
	return m, fx
}

// aged builds a fixture on a past that leaves the janitor something of each
// kind to do: a record to forget, an Upload and a File to end, a blob to delete.
func aged(t testing.TB, a api.API, pass func(time.Duration)) fixture {
	t.Helper()
	ctx := t.Context()
	upload := func(name string) string {
		return uploadstest.Must(a.CreateUpload(ctx, api.CreateUploadRequest{Filename: name, Purpose: "batch", Bytes: 4,
			MimeType: "text/plain", ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: api.MinFileLife}}))(t).ID
	}
	part := func(upload string) string {
		return uploadstest.Must(a.AddPart(ctx, upload, strings.NewReader("past")))(t).ID
	}
	uploadstest.Must(a.CancelUpload(ctx, upload("forgotten")))(t)
	pass(31 * 24 * time.Hour)
	part(upload("expired"))
	made := upload("with a file that expired")
	uploadstest.Must(a.CompleteUpload(ctx, made, api.CompleteUploadRequest{PartIDs: []string{part(made)}}))(t)
	pass(time.Hour)
	return build(t, a, needsOpen|needsFile|needsDue, pass)
}
