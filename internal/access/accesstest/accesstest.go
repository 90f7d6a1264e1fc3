// Package accesstest holds every store of keys and accounts to its contract.
package accesstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadd/internal/access"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// Store is a store of keys, and of the records that accounts are about.
type Store interface {
	access.Store
	uploads.Meta
}

// TestStore runs the suite. open returns an empty store.
func TestStore(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"Keys":                           testKeys,
		"Limits of a project":            testLimits,
		"The accounts of a life":         testLife,
		"What is sent beyond":            testBeyond,
		"A key has limits of its own":    testKeyLimits,
		"Many at once do not overshoot":  testOvershoot,
		"An account is its maker's":      testMaker,
		"The audit log":                  testEvents,
		"A project's parts are its own":  testParts,
		"What is refused leaves nothing": testRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var background = context.Background()

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// exceeds ends the test unless err is about that limit of that kind of account.
func exceeds(t testing.TB, err error, kind, of string) {
	t.Helper()
	var quota *uploads.QuotaError
	if !errors.As(err, &quota) || quota.Account.Kind != kind || quota.Of != of {
		t.Fatalf("got error %v, want that the %s holds too many %s", err, kind, of)
	}
}

func newKey(t testing.TB, s Store, project string, l uploads.Limits) *access.Key {
	t.Helper()
	k := &access.Key{Project: project, Name: "of a test", Scopes: access.Scopes{access.Read, access.Write}, CreatedAt: 100, ExpiresAt: 900}
	access.NewKey(k)
	ok(t, s.CreateKey(background, k, l))
	return k
}

func limit(t testing.TB, s Store, project string, l uploads.Limits) {
	t.Helper()
	ok(t, s.SetLimits(background, project, 100, func(to *uploads.Limits) { *to = l }))
}

// holds compares what an account holds.
func holds(t testing.TB, s Store, by uploads.Caller, bytes, reserved, files, pending int64) {
	t.Helper()
	for _, a := range uploadstest.Must(s.Accounts(background, by))(t) {
		equal(t, a.String(), []int64{a.Bytes, a.Reserved, a.Files, a.Uploads}, []int64{bytes, reserved, files, pending})
	}
	equal(t, "miscounted", uploadstest.Must(s.Miscounted(background))(t), nil)
}

var made atomic.Int64

func newUpload(project, key string, bytes int64) *uploads.Upload {
	return &uploads.Upload{ID: fmt.Sprintf("upload_%032x", made.Add(1)), Project: project, Key: key, Filename: "f", Purpose: "batch",
		MimeType: "text/plain", Bytes: bytes, Status: "pending", CreatedAt: 100, ExpiresAt: 200}
}

// add records a Part of so many bytes.
func add(t testing.TB, s Store, u *uploads.Upload, bytes int64) (uploads.Part, error) {
	t.Helper()
	p := uploads.Part{ID: fmt.Sprintf("part_%032x", made.Add(1)), UploadID: u.ID, Bytes: bytes, CreatedAt: 100}
	ok(t, s.Reserve(background, []string{p.ID}, 1<<40))
	return p, s.AddPart(background, u.Project, &p, 100, uploads.Bounds{Bytes: 1 << 40, Parts: 1000})
}

func fileOf(u *uploads.Upload) *uploads.File {
	return &uploads.File{ID: fmt.Sprintf("file-%022d", made.Add(1)), Project: u.Project, Key: u.Key, UploadID: u.ID,
		Filename: "f", Purpose: "batch", Bytes: u.Bytes, CreatedAt: 100, Parts: 1}
}

// createFile records a File made in one piece.
func createFile(t testing.TB, s Store, by uploads.Caller, bytes int64) (*uploads.File, error) {
	t.Helper()
	f := fileOf(&uploads.Upload{Project: by.Project, Key: by.Key, Bytes: bytes})
	p := uploads.Part{ID: fmt.Sprintf("part_%032x", made.Add(1)), FileID: f.ID, Bytes: bytes, CreatedAt: 100}
	ok(t, s.Reserve(background, []string{p.ID}, 1<<40))
	return f, s.CreateFile(background, f, &p)
}

func testKeys(t *testing.T, s Store) {
	if uploadstest.Must(s.AnyKey(background))(t) {
		t.Error("there is a key in an empty store")
	}
	_, err := s.Key(background, "key_none")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that is not there: %v", err)
	}
	if err := s.RevokeKey(background, "key_none", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("revoking what is not there: %v", err)
	}
	a, b := newKey(t, s, "a", uploads.NoLimits), newKey(t, s, "b", uploads.NoLimits)
	equal(t, "the key", uploadstest.Must(s.Key(background, a.ID))(t), a)
	equal(t, "those of b", uploadstest.Must(s.Keys(background, "b"))(t), []access.Key{*b})
	equal(t, "all", uploadstest.Must(s.Keys(background, ""))(t), []access.Key{*a, *b})
	ok(t, s.RevokeKey(background, a.ID, 150))
	ok(t, s.RevokeKey(background, a.ID, 160))
	a.RevokedAt = 150
	equal(t, "the revoked key", uploadstest.Must(s.Key(background, a.ID))(t), a)
	ok(t, s.RevokeKey(background, b.ID, 150))
	if !uploadstest.Must(s.AnyKey(background))(t) {
		t.Error("a store whose keys were all revoked is as open as one that never had any")
	}
	if err := s.CreateKey(background, a, uploads.NoLimits); err == nil {
		t.Error("an id was given twice")
	}
}

func testLimits(t *testing.T, s Store) {
	equal(t, "a project nobody knows", uploadstest.Must(s.Accounts(background, uploads.Caller{Project: "p"}))(t),
		[]uploads.Account{{Kind: "project", ID: "p", Limits: uploads.DefaultLimits}})
	limit(t, s, "p", uploads.Limits{Bytes: 10, Files: 3, Uploads: 2, Requests: 7})
	ok(t, s.CreateUpload(background, newUpload("p", "", 6)))
	exceeds(t, s.CreateUpload(background, newUpload("p", "", 5)), "project", "bytes")
	ok(t, s.CreateUpload(background, newUpload("p", "", 0)))
	exceeds(t, s.CreateUpload(background, newUpload("p", "", 0)), "project", "uploads")
	p := uploads.Caller{Project: "p"}
	_, err := createFile(t, s, p, 5)
	exceeds(t, err, "project", "bytes")
	_, err = createFile(t, s, p, 4)
	ok(t, err)
	_, err = createFile(t, s, p, 0)
	exceeds(t, err, "project", "files")
	holds(t, s, p, 4, 6, 1, 2)
	ok(t, s.CreateUpload(background, newUpload("other", "", 1<<40)))
	equal(t, "the projects", len(uploadstest.Must(s.Projects(background))(t)), 2)
	// Limits below what is held take nothing away, and let nothing in.
	limit(t, s, "p", uploads.Limits{})
	_, err = createFile(t, s, p, 0)
	exceeds(t, err, "project", "files")
	holds(t, s, p, 4, 6, 1, 2)
}

// Whatever becomes of an Upload or a File, the accounts say what is there.
func testLife(t *testing.T, s Store) {
	by := uploads.Caller{Project: "p", Key: newKey(t, s, "p", uploads.NoLimits).ID}
	completed, cancelled, expired := newUpload("p", by.Key, 6), newUpload("p", by.Key, 7), newUpload("p", by.Key, 8)
	for _, u := range []*uploads.Upload{completed, cancelled, expired} {
		ok(t, s.CreateUpload(background, u))
	}
	holds(t, s, by, 0, 21, 0, 3)
	part, err := add(t, s, completed, 6)
	ok(t, err)
	holds(t, s, by, 0, 21, 0, 3)
	limit(t, s, "p", uploads.Limits{}) // promised is promised
	f := fileOf(completed)
	ok(t, s.Complete(background, f, []uploads.Part{part}, 150, 0))
	holds(t, s, by, 6, 15, 1, 2)
	limit(t, s, "p", uploads.DefaultLimits)
	ok(t, s.Cancel(background, "p", cancelled.ID, 150, 0))
	holds(t, s, by, 6, 8, 1, 1)
	piece, err := createFile(t, s, by, 3)
	ok(t, err)
	brief := fileOf(&uploads.Upload{Project: "p", Key: by.Key, Bytes: 5})
	brief.ExpiresAt = 200
	ok(t, s.Reserve(background, []string{"part_brief"}, 1<<40))
	ok(t, s.CreateFile(background, brief, &uploads.Part{ID: "part_brief", FileID: brief.ID, Bytes: 5, CreatedAt: 100}))
	holds(t, s, by, 14, 8, 3, 1)
	equal(t, "expired", uploadstest.Must(s.Expire(background, 200, 0, 10))(t), 2)
	holds(t, s, by, 9, 0, 2, 0)
	ok(t, s.DeleteFile(background, by, piece.ID, 210, 0))
	ok(t, s.DeleteFile(background, by, f.ID, 210, 0))
	holds(t, s, by, 0, 0, 0, 0)
	uploadstest.Must(s.Purge(background, 1000, 10))(t)
	holds(t, s, by, 0, 0, 0, 0)
}

// An Upload reserves what it was sent beyond what it declared.
func testBeyond(t *testing.T, s Store) {
	by := uploads.Caller{Project: "p"}
	limit(t, s, "p", uploads.Limits{Bytes: 20, Files: 9, Uploads: 9})
	u := newUpload("p", "", 10)
	ok(t, s.CreateUpload(background, u))
	var parts []uploads.Part
	for _, reserved := range []int64{10, 12, 18} {
		p, err := add(t, s, u, 6)
		ok(t, err)
		parts = append(parts, p)
		holds(t, s, by, 0, reserved, 0, 1)
	}
	_, err := add(t, s, u, 3)
	exceeds(t, err, "project", "bytes")
	holds(t, s, by, 0, 18, 0, 1)
	_, err = add(t, s, u, 2)
	ok(t, err)
	f := fileOf(u)
	f.Bytes = 12
	ok(t, s.Complete(background, f, parts[:2], 150, 0))
	holds(t, s, by, 12, 0, 1, 0)
}

func testKeyLimits(t *testing.T, s Store) {
	l := uploads.NoLimits
	l.Bytes, l.Files = 10, 2
	k := newKey(t, s, "p", l)
	by := uploads.Caller{Project: "p", Key: k.ID}
	exceeds(t, s.CreateUpload(background, newUpload("p", k.ID, 11)), "key", "bytes")
	ok(t, s.CreateUpload(background, newUpload("p", "", 11))) // of the project without the key
	_, err := createFile(t, s, by, 9)
	ok(t, err)
	_, err = createFile(t, s, by, 2)
	exceeds(t, err, "key", "bytes")
	_, err = createFile(t, s, by, 1)
	ok(t, err)
	exceeds(t, s.CreateUpload(background, newUpload("p", k.ID, 0)), "key", "files")
	a := uploadstest.Must(s.Accounts(background, by))(t)
	equal(t, "what the project holds", a[0].Bytes+a[0].Reserved, 21)
	equal(t, "what the key holds", a[1].Bytes+a[1].Reserved, 10)
	if err := s.CreateUpload(background, newUpload("p", "key_none", 0)); err == nil {
		t.Error("an upload was charged to a key that does not exist")
	}
}

func testOvershoot(t *testing.T, s Store) {
	limit(t, s, "p", uploads.Limits{Bytes: 100, Files: 1000, Uploads: 1000})
	u := newUpload("p", "", 0)
	ok(t, s.CreateUpload(background, u))
	var let atomic.Int64
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			var err error
			switch n % 3 {
			case 0:
				err = s.CreateUpload(background, newUpload("p", "", 7))
			case 1:
				_, err = createFile(t, s, uploads.Caller{Project: "p"}, 7)
			case 2:
				_, err = add(t, s, u, 7)
			}
			var quota *uploads.QuotaError
			switch {
			case err == nil:
				let.Add(1)
			case !errors.As(err, &quota):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, "how many were let in", let.Load(), 100/7)
	a := uploadstest.Must(s.Accounts(background, uploads.Caller{Project: "p"}))(t)[0]
	equal(t, "what is held", a.Bytes+a.Reserved, 100/7*7)
	equal(t, "miscounted", uploadstest.Must(s.Miscounted(background))(t), nil)
}

// What a key made is held by it, whoever deletes it.
func testMaker(t *testing.T, s Store) {
	k := newKey(t, s, "p", uploads.NoLimits)
	f, err := createFile(t, s, uploads.Caller{Project: "p", Key: k.ID}, 3)
	ok(t, err)
	holds(t, s, uploads.Caller{Project: "p", Key: k.ID}, 3, 0, 1, 0)
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 150, 0))
	holds(t, s, uploads.Caller{Project: "p", Key: k.ID}, 0, 0, 0, 0)
}

func testEvents(t *testing.T, s Store) {
	k := newKey(t, s, "p", uploads.NoLimits)
	by := uploads.Caller{Project: "p", Key: k.ID}
	f, err := createFile(t, s, by, 3)
	ok(t, err)
	ok(t, s.DeleteFile(background, by, f.ID, 110, 0))
	if err := s.DeleteFile(background, by, f.ID, 111, 0); err == nil {
		t.Error("deleted twice")
	}
	limited := uploads.NoLimits
	limited.Files, limited.Requests = 0, 60
	limit(t, s, "q", limited)
	ok(t, s.RevokeKey(background, k.ID, 120))
	events := uploadstest.Must(s.Events(background, "", 0, 10))(t)
	for i := range events {
		events[i].Seq = 0
	}
	equal(t, "the events", events, []access.Event{
		{At: 100, Project: "p", Action: "key.create", Object: k.ID, Detail: "scopes=read,write expires_at=900 "},
		{At: 110, Project: "p", Key: k.ID, Action: "file.delete", Object: f.ID},
		{At: 100, Project: "q", Action: "project.limits", Object: "q", Detail: "max_files=0 max_requests=60"},
		{At: 120, Project: "p", Action: "key.revoke", Object: k.ID},
	})
	equal(t, "those of q", len(uploadstest.Must(s.Events(background, "q", 0, 10))(t)), 1)
	first := uploadstest.Must(s.Events(background, "p", 0, 1))(t)
	equal(t, "those after the first", len(uploadstest.Must(s.Events(background, "p", first[0].Seq, 10))(t)), 2)
	const year = 365 * 24 * 3600
	uploadstest.Must(s.Purge(background, 105+year, 10))(t)
	equal(t, "those of the last year", len(uploadstest.Must(s.Events(background, "", 0, 10))(t)), 2)
}

func testParts(t *testing.T, s Store) {
	u := newUpload("p", "", 3)
	ok(t, s.CreateUpload(background, u))
	part, err := add(t, s, u, 3)
	ok(t, err)
	f := fileOf(u)
	ok(t, s.Complete(background, f, []uploads.Part{part}, 150, 0))
	for project, want := range map[string]int{"p": 1, "q": 0} {
		equal(t, "parts of the upload for "+project, len(uploadstest.Must(s.Parts(background, project, u.ID, uploads.Page{Limit: 9}))(t)), want)
		equal(t, "parts of the file for "+project, len(uploadstest.Must(s.FileParts(background, project, f.ID))(t)), want)
	}
	_, err = s.Parts(background, "q", u.ID, uploads.Page{Limit: 9, After: part.ID})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a foreign cursor: %v", err)
	}
}

func testRefused(t *testing.T, s Store) {
	by := uploads.Caller{Project: "p"}
	limit(t, s, "p", uploads.Limits{Bytes: 5, Files: 9, Uploads: 9})
	f, err := createFile(t, s, by, 6)
	exceeds(t, err, "project", "bytes")
	if _, err := s.File(background, "p", f.ID, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was recorded: %v", err)
	}
	u := newUpload("p", "", 6)
	exceeds(t, s.CreateUpload(background, u), "project", "bytes")
	if _, err := s.Upload(background, "p", u.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the upload was recorded: %v", err)
	}
	bin := uploadstest.Must(s.Bin(background, "", 10))(t)
	equal(t, "keys in the bin", len(bin), 1) // that of the file's bytes, to be deleted
	holds(t, s, by, 0, 0, 0, 0)
}
