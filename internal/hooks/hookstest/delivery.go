package hookstest

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// Completions, cancellations and expiries that race: a hook is told of those that won,
// once each.
func testRaces(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	want := map[string]bool{}
	for n := range 30 {
		u, p := newUpload(t, s, "p", n)
		var all sync.WaitGroup
		var mu sync.Mutex
		won := map[string]int{}
		race := func(name string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won[name]++
			} else if !errors.Is(err, uploads.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i := range 2 {
			all.Go(func() { race("complete", s.Complete(background, fileOf(u, 2*n+i), []uploads.Part{p}, 199, 0)) })
			all.Go(func() {
				ended, err := s.Expire(background, 200, 200, 10)
				if err == nil && ended == 0 {
					err = uploads.ErrConflict
				}
				race("expire", err)
			})
		}
		all.Go(func() { race("cancel", s.Cancel(background, "p", u.ID, 199, 0)) })
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("won: %v", won)
		}
		if won["complete"] == 1 {
			want[fmt.Sprintf("upload.completed %s  199", u.ID)] = true
		}
		if won["expire"] == 1 {
			want[fmt.Sprintf("upload.expired %s  200", u.ID)] = true
		}
	}
	told := due(t, s, h)
	if len(told) != len(want) {
		t.Errorf("%d events, want %d", len(told), len(want))
	}
	for _, e := range told {
		if !want[e] {
			t.Errorf("told of %s, which did not happen", e)
		}
	}
}

func testClaim(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	for n := range 3 {
		completed(t, s, "p", n)
	}
	equal(t, "too early", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 149, 200, 9))(t)), 0)
	equal(t, "two", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 150, 200, 2))(t)), 2)
	equal(t, "the other", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 150, 300, 2))(t)), 1)
	equal(t, "none", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 199, 300, 9))(t)), 0)
	equal(t, "hooks that are due", len(uploadstest.Must(s.DueHooks(background, 199))(t)), 0)
	again := uploadstest.Must(s.ClaimEvents(background, h.ID, 200, 300, 9))(t)
	if len(again) != 2 || again[0].Attempts != 2 {
		t.Fatalf("after the lease: %+v", again)
	}
	ok(t, s.ForgetEvent(background, &again[0]))
	equal(t, "what is left", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 300, 400, 9))(t)), 2)
}

func testClaims(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	const events = 40
	for n := range events {
		completed(t, s, "p", n)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	claimed := map[string]int{}
	for range 8 {
		all.Go(func() {
			for {
				list, err := s.ClaimEvents(background, h.ID, 150, 900, 3)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, e := range list {
					claimed[e.Object]++
				}
				enough := len(claimed) == events
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	all.Wait()
	for object, n := range claimed {
		if n != 1 {
			t.Errorf("%s was claimed %d times", object, n)
		}
	}
}

func testRepeat(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	completed(t, s, "p", 1)
	claim := func(now, again int64) hooks.Event {
		t.Helper()
		list := uploadstest.Must(s.ClaimEvents(background, h.ID, now, again, 9))(t)
		if len(list) != 1 {
			t.Fatalf("at %d %d events are due", now, len(list))
		}
		return list[0]
	}
	first := claim(150, 160)
	second := claim(160, 170) // the lease of the first is over
	ok(t, s.RepeatEvent(background, &first, 161, 500, "slow"))
	third := claim(170, 180)
	equal(t, "attempts", third.Attempts, 3)
	ok(t, s.RepeatEvent(background, &third, 171, 500, "it answered 500"))
	equal(t, "due before its time", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 499, 600, 9))(t)), 0)
	l := uploadstest.Must(s.Hooks(background, ""))(t)[0]
	equal(t, "the failure", []any{l.FailedAt, l.Failure, l.Pending, l.GivenUp}, []any{int64(171), "it answered 500", int64(1), int64(0)})
	last := claim(500, 600)
	ok(t, s.RepeatEvent(background, &last, 501, 0, "it answered 502"))
	equal(t, "after it was given up", due(t, s, h), nil)
	l = uploadstest.Must(s.Hooks(background, "p"))(t)[0]
	equal(t, "the failure", []any{l.FailedAt, l.Failure, l.Pending, l.GivenUp}, []any{int64(501), "it answered 502", int64(0), int64(1)})
	ok(t, s.RepeatEvent(background, &second, 700, 701, "late"))
	equal(t, "after a late answer", due(t, s, h), nil)
	equal(t, "of another project", len(uploadstest.Must(s.Hooks(background, "q"))(t)), 0)
}

func testFree(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	for n := range 3 {
		completed(t, s, "p", n)
	}
	events := uploadstest.Must(s.ClaimEvents(background, h.ID, 150, 900, 3))(t)
	ok(t, s.RepeatEvent(background, &events[1], 160, 800, "it answered 500"))
	ok(t, s.RepeatEvent(background, &events[2], 160, 9000, "by a clock that was ahead"))
	ok(t, s.FreeEvents(background, 200, 1000))
	equal(t, "due", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 200, 900, 9))(t)), 2)
	ok(t, s.ForgetEvent(background, &events[0]))
	ok(t, s.ForgetEvent(background, &events[2]))
	equal(t, "what waits for its time", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 799, 900, 9))(t)), 0)
	equal(t, "when it has come", len(uploadstest.Must(s.ClaimEvents(background, h.ID, 800, 900, 9))(t)), 1)
}

func testEnd(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	completed(t, s, "p", 1)
	completed(t, s, "p", 2)
	other := uploadstest.Must(s.ClaimEvents(background, h.ID, 150, 900, 1))(t)[0]
	equal(t, "ended", uploadstest.Must(s.EndHook(background, h.ID, 160, "it answered 410 Gone"))(t), true)
	equal(t, "ended again", uploadstest.Must(s.EndHook(background, h.ID, 170, "again"))(t), false)
	ok(t, s.RepeatEvent(background, &other, 160, 170, "")) // whose attempt ends behind that
	completed(t, s, "p", 3)
	equal(t, "due", due(t, s, h), nil)
	l := uploadstest.Must(s.Hooks(background, "p"))(t)[0]
	equal(t, "the hook", []any{l.Status, l.FailedAt, l.Failure, l.Pending, l.GivenUp},
		[]any{hooks.Gone, int64(160), "it answered 410 Gone", int64(0), int64(2)})
	var actions []string
	for _, e := range uploadstest.Must(s.Events(background, "p", 0, 10))(t) {
		actions = append(actions, e.Action+" "+e.Object)
	}
	equal(t, "the audit log", actions, []string{"hook.create " + h.ID, "hook.gone " + h.ID})
}

func testRemove(t *testing.T, s Store) {
	h, kept := newHook(t, s, "p"), newHook(t, s, "p")
	f := completed(t, s, "p", 1)
	ok(t, s.RemoveHook(background, h.ID, 160))
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 160, 0))
	is(t, s.RemoveHook(background, h.ID, 170), fs.ErrNotExist)
	_, err := s.Hook(background, h.ID)
	is(t, err, fs.ErrNotExist)
	equal(t, "due", due(t, s, h), nil)
	equal(t, "due to the other", len(due(t, s, kept)), 2)
	equal(t, "listed", len(uploadstest.Must(s.Hooks(background, "p"))(t)), 1)
}

// A record is there for as long as an event about it is to be told.
func testPurge(t *testing.T, s Store) {
	h := newHook(t, s, "p")
	f := completed(t, s, "p", 1)
	late, _ := newUpload(t, s, "p", 2)
	uploadstest.Must(s.Expire(background, 200, 200, 10))(t)
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 210, 0))
	equal(t, "purged", uploadstest.Must(s.Purge(background, 1000, 10))(t), 0)
	claim := func(now, again int64) []hooks.Event {
		t.Helper()
		list := uploadstest.Must(s.ClaimEvents(background, h.ID, now, again, 10))(t)
		for _, e := range list {
			if (e.Type == hooks.FileDeleted) != (e.Upload == nil) || (e.Type == hooks.UploadExpired) != (e.File == nil) {
				t.Errorf("%s: upload %+v, file %+v", e.Type, e.Upload, e.File)
			}
		}
		return list
	}
	for _, e := range claim(300, 400) {
		if e.Type == hooks.FileDeleted {
			ok(t, s.ForgetEvent(background, &e))
		}
	}
	equal(t, "purged while a completion is to be told", uploadstest.Must(s.Purge(background, 1000, 10))(t), 0)
	for _, e := range claim(400, 500) {
		if e.Type == hooks.UploadExpired {
			ok(t, s.RepeatEvent(background, &e, 400, 0, "given up"))
		} else {
			ok(t, s.ForgetEvent(background, &e))
		}
	}
	uploadstest.Must(s.Purge(background, 1000, 10))(t)
	_, err := s.Upload(background, "p", late.ID)
	is(t, err, fs.ErrNotExist)
	_, err = s.Upload(background, "p", f.UploadID)
	is(t, err, fs.ErrNotExist)
}

func testTidy(t *testing.T, s Store) {
	h, removed := newHook(t, s, "p"), newHook(t, s, "p")
	f := completed(t, s, "p", 1)
	e := uploadstest.Must(s.ClaimEvents(background, h.ID, 150, 900, 9))(t)[0]
	ok(t, s.RepeatEvent(background, &e, 160, 0, "it answered 500"))
	ok(t, s.DeleteFile(background, uploads.Caller{Project: "p"}, f.ID, 160, 0))
	ok(t, s.RemoveHook(background, removed.ID, 170))
	givenUp := func() int64 { return uploadstest.Must(s.Hooks(background, "p"))(t)[0].GivenUp }
	ok(t, s.TidyHooks(background, 150))
	equal(t, "too young", givenUp(), 1)
	ok(t, s.TidyHooks(background, 151))
	equal(t, "old enough", givenUp(), 0)
	ok(t, s.TidyHooks(background, 171))
	ok(t, s.TidyHooks(background, 171))
	equal(t, "what is to be told still", due(t, s, h), []string{"file.deleted " + f.ID + " requested 160"})
}
