package hooks_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadd/api"
	"uploadd/internal/hooks"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// run runs a dispatcher until the test ends, or until stop is called, which waits.
func run(t testing.TB, d *hooks.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func TestDelivery(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	h := w.hook(r.URL)
	r.expects(h.Secret.Text())
	d := w.dispatcher()
	w.dispatch(d)
	u := w.complete()
	eventually(t, "a completion", func() bool { return r.count() == 1 })
	w.pass(time.Minute)
	uploadstest.Must(w.api.DeleteFile(t.Context(), u.File.ID))(t)
	eventually(t, "a deletion", func() bool { return r.count() == 2 && d.Counts().Delivered == 2 })
	got := r.events()
	var done api.Upload
	var gone api.EndedFile
	if err := json.Unmarshal(got[0].Data, &done); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got[1].Data, &gone); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, &done); diff != "" {
		t.Errorf("the Upload (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(api.EndedFile{File: *u.File, Reason: "requested"}, gone); diff != "" {
		t.Errorf("the File (-want +got):\n%s", diff)
	}
	if got[0].Type != "upload.completed" || got[1].Type != "file.deleted" || got[0].Project != "team" ||
		got[0].CreatedAt != 1_800_000_000 || got[1].CreatedAt != 1_800_000_060 || got[0].ID == got[1].ID {
		t.Errorf("got %+v", got)
	}
	eventually(t, "nothing left", func() bool { return w.listed().Pending == 0 })
	if c := d.Counts(); c != (hooks.Counts{Delivered: 2}) {
		t.Errorf("counted %+v", c)
	}
}

// An endpoint that fails is asked again as often as the schedule says, at its times.
func TestSchedule(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		w.Write([]byte("a canary of the receiver's"))
	})
	w.hook(r.URL + "/?token=canary")
	d := w.dispatcher()
	w.dispatch(d)
	w.complete()
	waits := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	for n, wait := range waits {
		eventually(t, "an attempt", func() bool { return w.listed().FailedAt == w.clock.Load() })
		due := func(after time.Duration) int {
			return len(uploadstest.Must(w.store.DueHooks(t.Context(), w.now().Add(after).Unix()))(t))
		}
		if due(wait-time.Second) != 0 || due(wait*6/5+2*time.Second) != 1 {
			t.Errorf("after attempt %d it is not due in %s", n+1, wait)
		}
		w.pass(wait*6/5 + 2*time.Second)
	}
	eventually(t, "the end", func() bool { return w.listed().GivenUp == 1 })
	l := w.listed()
	if r.count() != 10 || l.Pending != 0 || l.Failure != "it answered 500 Internal Server Error" || d.Counts() != (hooks.Counts{Again: 9, GivenUp: 1}) {
		t.Errorf("asked %d times; %+v; %+v", r.count(), l, d.Counts())
	}
	ids := map[string]bool{}
	for _, e := range r.events() {
		ids[e.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("one event had the ids %v", ids)
	}
	if log := w.log.String(); strings.Count(log, "level=WARN") != 9 || strings.Count(log, "level=ERROR") != 1 || strings.Contains(log, "canary") {
		t.Errorf("the log:\n%s", log)
	}
}

// An endpoint is not asked again before it wants to be.
func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"3600":       time.Hour,
		"9999999":    24 * time.Hour,
		"1":          5 * time.Second,
		"-1":         5 * time.Second,
		"soon":       5 * time.Second,
		"4294967296": 5 * time.Second,
	} {
		w, r := newWorld(t), newReceiver(t)
		r.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		w.hook(r.URL)
		w.complete()
		stop := w.dispatch(w.dispatcher())
		eventually(t, "an attempt", func() bool { return w.listed().FailedAt != 0 })
		stop()
		due := func(after time.Duration) int {
			return len(uploadstest.Must(w.store.DueHooks(t.Context(), w.now().Add(after).Unix()))(t))
		}
		if due(want-time.Second) != 0 || due(want*6/5+2*time.Second) != 1 {
			t.Errorf("Retry-After: %s is not %s", value, want)
		}
	}
}

func TestGone(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	w.hook(r.URL)
	w.complete()
	stop := w.dispatch(w.dispatcher())
	eventually(t, "the end of the hook", func() bool { return w.listed().Status == hooks.Gone })
	w.complete()
	stop()
	if l := w.listed(); l.Pending != 0 || l.GivenUp != 1 || r.count() != 1 {
		t.Errorf("asked %d times; %+v", r.count(), l)
	}
}

// Where a redirect leads to is no place for what was signed for another.
func TestRedirect(t *testing.T) {
	w, r, other := newWorld(t), newReceiver(t), newReceiver(t)
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, other.URL, http.StatusTemporaryRedirect)
	})
	w.hook(r.URL)
	w.complete()
	w.dispatch(w.dispatcher())
	eventually(t, "an attempt", func() bool { return w.listed().FailedAt != 0 })
	if l := w.listed(); l.Failure != "it answered 307, and redirects are not followed" || other.count() != 0 {
		t.Errorf("the other was asked %d times; %+v", other.count(), l)
	}
}

// Endpoints that hang hold up nobody else, and a stop not for long. What was on its way
// is due again.
func TestHanging(t *testing.T) {
	w, hung, r := newWorld(t), newReceiver(t), newReceiver(t)
	release := make(chan struct{})
	defer close(release)
	hung.answers(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	})
	w.hook(hung.URL)
	h := w.hook(r.URL)
	r.expects(h.Secret.Text())
	stop := w.dispatch(w.dispatcher())
	const events = 20
	for range events { // of which the first hangs alone
		w.complete()
	}
	eventually(t, "what hangs", func() bool { return hung.count() >= 4 })
	eventually(t, "all that does not", func() bool { return r.count() == events })
	stop()
	if n := hung.count(); n > 8 {
		t.Errorf("%d events are on their way to one hook at once", n)
	}
	for _, l := range uploadstest.Must(w.store.Hooks(t.Context(), ""))(t) {
		if l.ID != h.ID && (l.Pending != events || l.FailedAt != 0) || l.ID == h.ID && l.Pending != 0 {
			t.Errorf("after the stop: %+v", l)
		}
		if l.ID != h.ID {
			if again := uploadstest.Must(w.store.ClaimEvents(t.Context(), l.ID, w.clock.Load(), 1<<40, 99))(t); len(again) != events {
				t.Errorf("after the stop %d events are due, want %d", len(again), events)
			}
		}
	}
}

// What a node that died had claimed is taken over when its lease is over, and not before.
func TestTakenOver(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	h := w.hook(r.URL)
	w.complete()
	if claimed := uploadstest.Must(w.store.ClaimEvents(t.Context(), h.ID, w.clock.Load(), w.clock.Load()+60, 9))(t); len(claimed) != 1 {
		t.Fatal(claimed)
	}
	w.dispatch(w.dispatcher())
	w.complete()
	eventually(t, "another event", func() bool { return r.count() == 1 && w.listed().Pending == 1 })
	w.pass(time.Minute)
	eventually(t, "what was claimed", func() bool { return r.count() == 2 && w.listed().Pending == 0 })
}

// A process that has the store for itself does not wait for the lease of the one before.
func TestExclusive(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	h := w.hook(r.URL)
	w.complete()
	uploadstest.Must(w.store.ClaimEvents(t.Context(), h.ID, w.clock.Load(), w.clock.Load()+60, 9))(t)
	d := w.dispatcher()
	d.Exclusive = true
	w.dispatch(d)
	eventually(t, "what was claimed", func() bool { return r.count() == 1 })
}

// Of several nodes one sends each event.
func TestNodes(t *testing.T) {
	url := postgres.Start(t).Database()
	w, r := newWorldOn(t, uploadstest.Must(meta.OpenPostgres(t.Context(), url))(t)), newReceiver(t)
	h := w.hook(r.URL)
	r.expects(h.Secret.Text())
	for range 3 {
		d := w.dispatcher()
		store := uploadstest.Must(meta.OpenPostgres(t.Context(), url))(t)
		t.Cleanup(func() { store.Close() })
		d.Store = store
		w.dispatch(d)
	}
	const events = 60
	for range events {
		w.complete()
	}
	eventually(t, "all", func() bool { return w.listed().Pending == 0 })
	if n := r.count(); n != events {
		t.Errorf("%d requests for %d events", n, events)
	}
}

// counted counts the steps that write.
type counted struct {
	hooks.Store
	reads, writes atomic.Int64
}

func (c *counted) DueHooks(ctx context.Context, now int64) ([]hooks.Hook, error) {
	c.reads.Add(1)
	return c.Store.DueHooks(ctx, now)
}

func (c *counted) ClaimEvents(ctx context.Context, hook string, now, again int64, limit int) ([]hooks.Event, error) {
	c.writes.Add(1)
	return c.Store.ClaimEvents(ctx, hook, now, again, limit)
}

// Nothing is written while nothing is due.
func TestIdle(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.hook(r.URL)
	d, c := w.dispatcher(), &counted{Store: w.store}
	d.Store = c
	w.dispatch(d)
	eventually(t, "looks", func() bool { return c.reads.Load() > 20 })
	if n := c.writes.Load(); n != 0 {
		t.Errorf("%d steps were written for nothing", n)
	}
}
