// Package hookstest holds every store of hooks and events to its contract.
package hookstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadd/internal/access"
	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// Store is a store of hooks, and of the records that events are about.
type Store interface {
	hooks.Store
	uploads.Meta

	CreateHook(ctx context.Context, h *hooks.Hook) error
	Hook(ctx context.Context, id string) (*hooks.Hook, error)
	Hooks(ctx context.Context, project string) ([]hooks.Listed, error)
	RotateHook(ctx context.Context, id string, fresh hooks.Secret, now, until int64) error
	RemoveHook(ctx context.Context, id string, now int64) error
	Events(ctx context.Context, project string, after int64, limit int) ([]access.Event, error)
}

// TestStore runs the suite. open returns an empty store.
func TestStore(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"What happens is told, once":        testTold,
		"What does not happen is not":       testNotTold,
		"Each hook is told what it wants":   testTypes,
		"Only one of many is told":          testRaces,
		"A claim lasts":                     testClaim,
		"Claims of many do not overlap":     testClaims,
		"An attempt that failed":            testRepeat,
		"A process that is gone":            testFree,
		"An endpoint that is gone":          testEnd,
		"A hook that is removed":            testRemove,
		"Secrets":                           testSecrets,
		"Records wait for their events":     testPurge,
		"What was given up is forgotten":    testTidy,
		"Whoever recorded events is awoken": testAnnounced,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	background = context.Background()
	plenty     = uploads.Bounds{Bytes: 1 << 40, Parts: 1 << 20}
)

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

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// newHook makes a hook of a project that is told of types, or of all.
func newHook(t testing.TB, s Store, project string, types ...hooks.Type) *hooks.Hook {
	t.Helper()
	h := &hooks.Hook{Project: project, URL: "https://example.com/x?token=1", Events: types, CreatedAt: 50}
	if types == nil {
		h.Events = hooks.AllTypes
	}
	hooks.NewHook(h)
	ok(t, s.CreateHook(background, h))
	return h
}

// newUpload makes a pending Upload that ends at 200, with one Part.
func newUpload(t testing.TB, s Store, project string, n int) (*uploads.Upload, uploads.Part) {
	t.Helper()
	u := &uploads.Upload{ID: fmt.Sprintf("upload_%032x", n), Project: project, Filename: "f", Purpose: "batch",
		MimeType: "text/plain", Bytes: 3, Status: "pending", CreatedAt: 100, ExpiresAt: 200}
	ok(t, s.CreateUpload(background, u))
	p := uploads.Part{ID: uploadstest.Key(n), UploadID: u.ID, Bytes: 3, CreatedAt: 100}
	ok(t, s.Reserve(background, []string{p.ID}, 1<<40))
	ok(t, s.AddPart(background, project, &p, 100, plenty))
	return u, p
}

func fileOf(u *uploads.Upload, n int) *uploads.File {
	return &uploads.File{ID: fmt.Sprintf("file-%022d", n), Project: u.Project, UploadID: u.ID, Filename: "f",
		Purpose: "batch", Bytes: 3, CreatedAt: 100, ExpiresAt: 300, Parts: 1}
}

// completed makes an Upload and completes it at 150.
func completed(t testing.TB, s Store, project string, n int) *uploads.File {
	t.Helper()
	u, p := newUpload(t, s, project, n)
	f := fileOf(u, n)
	ok(t, s.Complete(background, f, []uploads.Part{p}, 150, 0))
	return f
}

const never = 1 << 40

// due is what a hook is yet to be told of, as "type object reason at"; nobody else is
// given it any more.
func due(t testing.TB, s Store, h *hooks.Hook) (told []string) {
	t.Helper()
	for _, e := range uploadstest.Must(s.ClaimEvents(background, h.ID, never, never+1, 1000))(t) {
		told = append(told, fmt.Sprintf("%s %s %s %d", e.Type, e.Object, e.Reason, e.At))
	}
	slices.Sort(told)
	return told
}

func testTold(t *testing.T, s Store) {
	h, other := newHook(t, s, "p"), newHook(t, s, "q")
	deleted, expired := completed(t, s, "p", 1), completed(t, s, "p", 2)
	late, _ := newUpload(t, s, "p", 3)
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, deleted.ID, 160, 0))
	equal(t, "ended", uploadstest.Must(s.Expire(background, 400, 400, 10))(t), 2)
	direct := &uploads.File{ID: "file-direct", Project: "p", Filename: "f", Purpose: "batch", Bytes: 3, CreatedAt: 100, Parts: 1}
	ok(t, s.Reserve(background, []string{uploadstest.Key(9)}, 1<<40))
	ok(t, s.CreateFile(background, direct, &uploads.Part{ID: uploadstest.Key(9), FileID: direct.ID, Bytes: 3}))
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, direct.ID, 170, 0))

	// Whatever is asked again.
	is(t, s.Complete(background, deleted, nil, 160, 0), uploads.ErrConflict)
	is(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, deleted.ID, 160, 0), uploads.ErrConflict)
	equal(t, "ended", uploadstest.Must(s.Expire(background, 400, 400, 10))(t), 0)

	equal(t, "pending", uploadstest.Must(s.Hooks(background, "p"))(t)[0].Pending, 6)
	events := uploadstest.Must(s.ClaimEvents(background, h.ID, never, never+1, 10))(t)
	for _, e := range events {
		switch {
		case e.Hook != h.ID, e.Attempts != 1:
			t.Errorf("an event: %+v", e)
		case e.Type == hooks.UploadCompleted && (e.Upload == nil || e.Upload.Status != "completed" || e.File == nil || e.Upload.FileID != e.File.ID),
			e.Type == hooks.UploadExpired && (e.Upload == nil || e.Upload.Status != "expired" || e.File != nil),
			e.Type == hooks.FileDeleted && (e.Upload != nil || e.File == nil || e.File.ID != e.Object || e.File.Filename != "f"):
			t.Errorf("%s: upload %+v, file %+v", e.Type, e.Upload, e.File)
		}
		ok(t, s.RepeatEvent(background, &e, 400, 1, ""))
	}
	equal(t, "told", due(t, s, h), []string{
		"file.deleted " + deleted.ID + " requested 160",
		"file.deleted " + expired.ID + " expired 400",
		"file.deleted " + direct.ID + " requested 170",
		"upload.completed " + deleted.UploadID + "  150",
		"upload.completed " + expired.UploadID + "  150",
		"upload.expired " + late.ID + "  400",
	})
	equal(t, "another project is told", due(t, s, other), nil)
}

func testNotTold(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	u, p := newUpload(t, s, "p", 1)
	ghost := uploads.Part{ID: uploadstest.Key(8), UploadID: u.ID, Bytes: 3}
	is(t, s.Complete(background, fileOf(u, 1), []uploads.Part{p, ghost}, 150, 0), uploads.ErrConflict)
	is(t, s.Complete(background, fileOf(u, 1), []uploads.Part{p}, 200, 0), uploads.ErrConflict)
	ok(t, s.Cancel(background, "p", u.ID, 150, 0))
	equal(t, "ended", uploadstest.Must(s.Expire(background, 400, 400, 10))(t), 0)
	early := completed(t, s, "r", 2) // before there is a hook
	after := newHook(t, s, "r")
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "r"}, early.ID, 160, 0))
	equal(t, "told", due(t, s, h), nil)
	equal(t, "told of what came after", due(t, s, after), []string{"file.deleted " + early.ID + " requested 160"})
	for _, due := range []int64{0, never} {
		if list := uploadstest.Must(s.DueHooks(background, due))(t); len(list) != 0 {
			t.Errorf("hooks are due at %d: %v", due, list)
		}
	}
}

func testTypes(t *testing.T, s Store) {
	all, deletions := newHook(t, s, "p"), newHook(t, s, "p", hooks.FileDeleted)
	two := newHook(t, s, "p", hooks.UploadExpired, hooks.UploadCompleted)
	f := completed(t, s, "p", 1)
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 160, 0))
	done, gone := "upload.completed "+f.UploadID+"  150", "file.deleted "+f.ID+" requested 160"
	var ids []string
	for _, h := range uploadstest.Must(s.DueHooks(background, 160))(t) {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	want := []string{all.ID, deletions.ID, two.ID}
	slices.Sort(want)
	equal(t, "due are", ids, want)
	equal(t, "all", due(t, s, all), []string{gone, done})
	equal(t, "deletions", due(t, s, deletions), []string{gone})
	equal(t, "two", due(t, s, two), []string{done})
}

func testAnnounced(t *testing.T, s Store) {
	awoken := func() bool {
		select {
		case <-s.Announced():
			return true
		default:
			return false
		}
	}
	newHook(t, s, "p", hooks.FileDeleted, hooks.UploadExpired)
	f := completed(t, s, "p", 1)
	completed(t, s, "q", 2)
	equal(t, "awoken without an event", awoken(), false)
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 160, 0))
	equal(t, "awoken", awoken(), true)
	newUpload(t, s, "p", 3)
	equal(t, "awoken again", awoken(), false)
	uploadstest.Must(s.Expire(background, 200, 200, 10))(t)
	equal(t, "awoken by the janitor", awoken(), true)
	all := newHook(t, s, "q")
	completed(t, s, all.Project, 4)
	equal(t, "awoken by a completion", awoken(), true)
}

func testSecrets(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	got := uploadstest.Must(s.Hook(background, h.ID))(t)
	equal(t, "the hook", got, h)
	fresh := hooks.NewSecret()
	ok(t, s.RotateHook(background, h.ID, fresh, 60, 90))
	got = uploadstest.Must(s.Hook(background, h.ID))(t)
	equal(t, "the secrets", []any{got.Secret, got.OldSecret, got.OldUntil}, []any{fresh, h.Secret, int64(90)})
	for _, l := range uploadstest.Must(s.Hooks(background, "p"))(t) {
		if l.Secret != nil || l.OldSecret != nil {
			t.Error("a list has secrets")
		}
	}
	is(t, s.RotateHook(background, "hook_no", fresh, 60, 90), fs.ErrNotExist)
	for _, e := range uploadstest.Must(s.Events(background, "p", 0, 10))(t) {
		if want := "url=https://example.com events=upload.completed,upload.expired,file.deleted"; e.Action == "hook.create" && e.Detail != want {
			t.Errorf("the audit log says %q, want %q", e.Detail, want)
		}
	}
}
