package uploads_test

import (
	"context"
	"errors"
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

// build fills a project by its API; two that are alike answer alike. pass lets
// time pass for it.
func build(t testing.TB, a api.API, needs needs, pass func(time.Duration)) (fx fixture) {
	t.Helper()
	ctx := context.Background()
	upload := func(name string) string {
		return uploadstest.Must(a.CreateUpload(ctx, api.CreateUploadRequest{
			Filename: name, Purpose: "user_data", Bytes: 4, MimeType: "text/plain"}))(t).ID
	}
	add := func(upload, data string) string {
		return uploadstest.Must(a.AddPart(ctx, upload, strings.NewReader(data)))(t).ID
	}
	if needs&needsDue != 0 {
		gone := upload("gone")
		add(gone, "gone")
		uploadstest.Must(a.CancelUpload(ctx, gone))(t)
		pass(grace)
	}
	if needs&needsOpen != 0 {
		fx.open = upload("open")
		fx.ab, fx.cd, fx.ef = add(fx.open, "ab"), add(fx.open, "cd"), add(fx.open, "ef")
	}
	if needs&needsFile != 0 {
		fx.made = upload("made")
		fx.parts = []string{add(fx.made, "gh"), add(fx.made, "ij")}
		done := uploadstest.Must(a.CompleteUpload(ctx, fx.made, api.CompleteUploadRequest{PartIDs: fx.parts}))(t)
		fx.file = done.File.ID
	}
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

// sound fails the test if the records and the blobs they name are not whole and
// right. It does not list the disk, which takes longer than all else.
func (w *world) sound(what string) {
	w.t.Helper()
	if err := check(w.t.Context(), w, w.svc); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// holdsExactly fails the test unless the disk holds the recorded Parts, and
// nothing else, all of it whole.
func (w *world) holdsExactly(what string) {
	w.t.Helper()
	w.sound(what)
	parts := uploadstest.Must(w.meta.AllParts(w.t.Context(), 0, 1000))(w.t)
	if blobs := w.list(); len(blobs) != len(parts) {
		w.t.Fatalf("%s: the blobs %v are stored for %d parts", what, blobs, len(parts))
	}
}

// listBlobs lists what is stored.
func (w *world) listBlobs() (blobs []string) {
	w.t.Helper()
	for key, err := range w.blobs.Keys() {
		fatal(w.t, err)
		blobs = append(blobs, key)
	}
	return blobs
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
	for _, project := range projects {
		a := uploadstest.Must(w.meta.Accounts(ctx, uploads.Caller{Project: project}))(w.t)[0]
		if a.Bytes != 0 || a.Reserved != 0 || a.Files != 0 || a.Uploads != 0 {
			w.t.Fatalf("%s: nothing is left, and its account says %+v", what, a)
		}
	}
	w.pass(grace)
	w.clean()
	w.holdsExactly(what)
	if parts := uploadstest.Must(w.meta.AllParts(w.t.Context(), 0, 1))(w.t); len(parts) != 0 {
		w.t.Fatalf("%s: parts are left of nothing: %v", what, parts)
	}
}
