package uploads_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// twoClocks are the wall clock, which anybody may set, and the time that passes.
type twoClocks struct {
	wall    time.Time
	elapsed time.Duration
}

func (c *twoClocks) pass(d time.Duration) {
	c.wall = c.wall.Add(d)
	c.elapsed += d
}

func (c *twoClocks) set(d time.Duration) { c.wall = c.wall.Add(d) }

// timed is a world whose Service runs on two clocks.
func timed(t testing.TB) (*world, *twoClocks) {
	w := newWorld(t)
	c := &twoClocks{wall: time.Unix(w.clock.Load(), 0)}
	w.svc = uploads.New(uploads.Config{Meta: w.meta, Blobs: w.blobs, Exclusive: true,
		Now: uploads.NewClock(func() time.Time { return c.wall }, func() time.Duration { return c.elapsed })})
	w.api = w.svc.For("default")
	return w, c
}

// leaps are how far somebody sets the wall clock.
var leaps = []time.Duration{time.Second, time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour, 365 * 24 * time.Hour}

// Whatever becomes of the wall clock, an hour is an hour, but for an eighth.
func TestWallClockIsSet(t *testing.T) {
	for _, leap := range leaps {
		for _, leap := range []time.Duration{leap, -leap} {
			t.Run(leap.String(), func(t *testing.T) {
				w, c := timed(t)
				minutes := func(n int) {
					for range n * 6 {
						c.pass(10 * time.Second)
						w.clean()
					}
				}
				young := w.create(3)
				part := w.add(young.ID, "abc")
				mortal := uploadstest.Must(w.api.CreateFile(t.Context(), strings.NewReader("xyz"), func() (api.CreateFileRequest, error) {
					return api.CreateFileRequest{Filename: "f", Purpose: "batch",
						ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 3600}}, nil
				}))(t)
				doomed := w.create(3)
				w.add(doomed.ID, "abc")
				uploadstest.Must(w.api.CancelUpload(t.Context(), doomed.ID))(t)

				c.set(leap)
				minutes(2)
				if n := len(w.stored()); n != 2 {
					t.Errorf("2 minutes later %d blobs are stored, want those of the upload and the file", n)
				}
				late := w.create(3)
				w.add(late.ID, "abc")
				minutes(50)
				if u := uploadstest.Must(w.api.GetUpload(t.Context(), young.ID))(t); u.Status != api.StatusPending {
					t.Errorf("after 52 minutes the upload is %s", u.Status)
				}
				if got := string(uploadstest.Read(t, w.api, mortal.ID)); got != "xyz" {
					t.Errorf("after 52 minutes the file reads %q", got)
				}
				c.set(-leap) // and set right again
				minutes(18)
				if u := uploadstest.Must(w.api.GetUpload(t.Context(), young.ID))(t); u.Status != api.StatusExpired {
					t.Errorf("after 70 minutes the upload is %s", u.Status)
				}
				_, err := w.api.CompleteUpload(t.Context(), young.ID, api.CompleteUploadRequest{PartIDs: []string{part}})
				uploadstest.WantError(t, err, api.ErrState, "upload_id")
				uploadstest.WantError(t, second(w.api.GetFile(t.Context(), mortal.ID)), api.ErrNotFound, "id")
				minutes(3)
				if n := len(w.stored()); n != 0 {
					t.Errorf("%d blobs are stored when everything has ended", n)
				}
				if f := w.faults(); f != nil {
					t.Errorf("faults: %v", f)
				}
			})
		}
	}
}

// However often and far the wall clock is set, between any two steps of a life:
// nothing young ends, nothing old lives on, and no time goes back.
func TestWallClockIsSetAtRandom(t *testing.T) {
	lives := 10_000
	if testing.Short() {
		lives = 500
	}
	for seed := range lives {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		c := &twoClocks{wall: time.Unix(1_800_000_000, 0)}
		now := uploads.NewClock(func() time.Time { return c.wall }, func() time.Duration { return c.elapsed })
		born, last := now(), now()
		var lived time.Duration
		for now().Sub(born) < time.Hour {
			if rng.IntN(20) == 0 {
				c.set(leaps[rng.IntN(len(leaps))] * time.Duration(1-2*rng.IntN(2)))
			}
			d := time.Duration(rng.Int64N(int64(time.Minute)))
			c.pass(d)
			lived += d
			if at := now(); at.Before(last) {
				t.Fatalf("seed %d: from %s back to %s", seed, last, at)
			} else {
				last = at
			}
		}
		if lived < 53*time.Minute || lived > 70*time.Minute {
			t.Fatalf("seed %d: what is to live for an hour lived for %s", seed, lived)
		}
	}
}

// A wall clock that was set is caught up with, and then kept up with.
func TestWallClockIsFollowed(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		c := &twoClocks{wall: time.Unix(1_800_000_000, 0)}
		now := uploads.NewClock(func() time.Time { return c.wall }, func() time.Duration { return c.elapsed })
		c.set(by)
		for range 8*3600 + 10 {
			c.pass(time.Second)
			now()
		}
		if got := now(); !got.Equal(c.wall) {
			t.Errorf("set by %s, 8 hours later it is %s from the wall clock", by, got.Sub(c.wall))
		}
	}
}

// A clock that was in the future, and is right after a restart, keeps no Upload
// alive for longer than it was to live.
func TestClockSetBackAcrossRestart(t *testing.T) {
	w := newWorld(t)
	w.pass(365 * 24 * time.Hour)
	u, done := w.create(3), w.create(3)
	w.add(u.ID, "abc")
	w.add(done.ID, "xyz")
	uploadstest.Must(w.api.CancelUpload(t.Context(), done.ID))(t)
	w.pass(-365 * 24 * time.Hour)
	for range 3 { // every restart adds nothing
		w.start()
		w.pass(19 * time.Minute)
		w.clean()
		if n := len(w.stored()); n != 1 {
			t.Errorf("%d blobs are stored, want that of the pending upload", n)
		}
	}
	w.add(u.ID, "def")
	w.pass(3 * time.Minute)
	if _, err := w.api.AddPart(t.Context(), u.ID, strings.NewReader("x")); !errors.Is(err, api.ErrState) {
		t.Errorf("an hour after the restart a part is answered with %v", err)
	}
	w.clean()
	w.pass(time.Minute)
	w.clean()
	if n := len(w.stored()); n != 0 {
		t.Errorf("%d blobs are stored when everything has ended", n)
	}
}
