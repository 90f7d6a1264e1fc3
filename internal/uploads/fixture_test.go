package uploads_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// fixture is what a project holds before a step is tried on it.
type fixture struct {
	open       string // a pending Upload of 4 bytes
	ab, cd, ef string // its Parts: each File needs two
	made       string // the Upload that became file
	parts      []string
	file       string // "ghij"
}

const (
	openMD5 = "e2fc714c4727ee9395f324cd2e7f331f" // of "abcd"
	grace   = 10 * time.Second
)

// build fills a project by its API; two that are alike answer alike.
func build(t testing.TB, a api.API) (fx fixture) {
	t.Helper()
	ctx := context.Background()
	upload := func(name string) string {
		return uploadstest.Must(a.CreateUpload(ctx, api.CreateUploadRequest{
			Filename: name, Purpose: "user_data", Bytes: 4, MimeType: "text/plain"}))(t).ID
	}
	add := func(upload, data string) string {
		return uploadstest.Must(a.AddPart(ctx, upload, strings.NewReader(data)))(t).ID
	}
	fx.open = upload("open")
	fx.ab, fx.cd, fx.ef = add(fx.open, "ab"), add(fx.open, "cd"), add(fx.open, "ef")
	fx.made = upload("made")
	fx.parts = []string{add(fx.made, "gh"), add(fx.made, "ij")}
	done := uploadstest.Must(a.CompleteUpload(ctx, fx.made, api.CompleteUploadRequest{PartIDs: fx.parts}))(t)
	fx.file = done.File.ID
	return fx
}

// same says whether two errors are the same answer: of the same kind, about
// the same field. Messages may differ.
func same(a, b error) bool {
	var x, y *api.Error
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return a == nil && b == nil
	}
	return x.Status == y.Status && x.Code == y.Code && x.Param == y.Param
}

// state is all that a project shows.
func state(t testing.TB, a api.API) string {
	t.Helper()
	return uploadstest.Must(uploadstest.State(a))(t)
}

// binned lists the bin.
func (w *world) binned() (list []uploads.BinEntry) {
	w.t.Helper()
	return uploadstest.Must(w.meta.Bin(w.t.Context(), "", 1000))(w.t)
}

// holdsExactly fails the test unless the disk holds the recorded Parts, and
// nothing else, all of it whole.
func (w *world) holdsExactly(what string) {
	w.t.Helper()
	if f := w.faults(); f != nil {
		w.t.Fatalf("%s: %v", what, f)
	}
	parts := uploadstest.Must(w.meta.AllParts(w.t.Context(), 0, 1000))(w.t)
	if blobs := slices.Collect(keys(w)); len(blobs) != len(parts) {
		w.t.Fatalf("%s: %d blobs are stored for %d parts", what, len(blobs), len(parts))
	}
}

func keys(w *world) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range w.blobs.Keys() {
			if !yield(key) {
				return
			}
		}
	}
}

// clear ends all that projects hold, and looks whether the space returns.
func (w *world) clear(what string, projects ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, project := range projects {
		a := w.svc.For(project)
		for _, f := range uploadstest.Must(a.ListFiles(ctx, api.ListQuery{}))(w.t).Data {
			uploadstest.Must(a.DeleteFile(ctx, f.ID))(w.t)
		}
		for _, u := range uploadstest.Must(a.ListUploads(ctx, api.ListQuery{}))(w.t).Data {
			if u.Status == api.StatusPending {
				uploadstest.Must(a.CancelUpload(ctx, u.ID))(w.t)
			}
		}
	}
	w.pass(grace)
	w.clean()
	w.holdsExactly(what)
	if n := len(slices.Collect(keys(w))); n != 0 {
		w.t.Fatalf("%s: %d blobs are left of nothing", what, n)
	}
}
