package hooks

import (
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

var (
	kills  = flag.Int("kills", 4, "how often a server is killed while it delivers")
	events = flag.Int("events", 150, "how many events three nodes deliver")
)

// receiver is an endpoint that notes what arrived, and answers what at says. It verifies
// with the library of Standard Webhooks.
type receiver struct {
	*httptest.Server
	t      testing.TB
	secret atomic.Pointer[string]
	at     atomic.Pointer[func(n int) int] // the status for the nth request; 0: none
	asked  atomic.Int64

	mu  sync.Mutex
	got map[string][]string // webhook-ids, by "type object"
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t, got: map[string][]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(at func(n int) int) { r.at.Store(&at) }

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	n := int(r.asked.Add(1))
	body, err := io.ReadAll(req.Body)
	var e api.Event
	var about struct{ ID string }
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err == nil {
		err = json.Unmarshal(e.Data, &about)
	}
	if err != nil {
		return // whoever sent it was killed
	}
	if secret := r.secret.Load(); secret != nil {
		wh, err := standardwebhooks.NewWebhook(*secret)
		if err == nil {
			err = wh.Verify(body, req.Header)
		}
		if err != nil {
			r.t.Error(err)
		}
	}
	r.mu.Lock()
	what := e.Type + " " + about.ID
	r.got[what] = append(r.got[what], req.Header.Get("webhook-id"))
	r.mu.Unlock()
	status := http.StatusNoContent
	if at := r.at.Load(); at != nil {
		status = (*at)(n)
	}
	if status == 0 {
		<-req.Context().Done()
		return
	}
	w.WriteHeader(status)
}

// arrived are the ids under which each event did.
func (r *receiver) arrived() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := map[string][]string{}
	for what, ids := range r.got {
		got[what] = slices.Clone(ids)
	}
	return got
}

// acked are the Uploads whose completion was acknowledged.
type acked struct {
	mu  sync.Mutex
	ids []string
}

func (a *acked) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids = append(a.ids, id)
}

// missing are those that no event has told of.
func (a *acked) missing(r *receiver) (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := r.arrived()
	for _, id := range a.ids {
		if got["upload.completed "+id] == nil {
			list = append(list, id)
		}
	}
	return list
}

// A server is killed, again and again, behind some acknowledged completion and in front of
// what the receiver's answer changes: every completion that was acknowledged arrives, each
// time under the same id, and nothing does that did not happen.
func TestKilled(t *testing.T) {
	t.Parallel()
	r, done, data := newReceiver(t), &acked{}, t.TempDir()
	s := program.Start(t, program.Options{Data: data})
	_, secret := createHook(t, data, r.URL)
	r.secret.Store(&secret)
	for n := range *kills {
		victim, after := s, int64(10+5*n)+r.asked.Load()
		// The one that ends the server has arrived, and its answer has not.
		r.answers(func(int) int {
			if r.asked.Load() >= after {
				victim.Kill()
			}
			return http.StatusNoContent
		})
		var load sync.WaitGroup
		for range 4 {
			load.Go(func() {
				for {
					u, err := tryComplete(victim)
					if err != nil {
						return // it is dead
					}
					done.add(u.ID)
				}
			})
		}
		load.Wait()
		r.answers(func(int) int { return http.StatusNoContent })
		s = program.Start(t, program.Options{Data: data})
	}
	eventually(t, "all that was acknowledged", func() bool { return len(done.missing(r)) == 0 })
	eventually(t, "nothing pending", func() bool { return pending(t, data) == 0 })
	again := 0
	for what, ids := range r.arrived() {
		again += len(ids) - 1
		if slices.Sort(ids); ids[0] != ids[len(ids)-1] {
			t.Errorf("%s arrived as %v", what, ids)
		}
		if u := uploadstest.Must(s.GetUpload(t.Context(), what[len("upload.completed "):]))(t); u.Status != api.StatusCompleted {
			t.Errorf("%s arrived, and it is %s", what, u.Status)
		}
	}
	t.Logf("%d kills: %d completions acknowledged, %d told, %d of them again", *kills, len(done.ids), len(r.arrived()), again)
	if again == 0 {
		t.Error("no kill came between a delivery and what it changes")
	}
	program.Check(t, data)
}

// What is pending goes with a back-up, and a server that is run on it tells it.
func TestBackup(t *testing.T) {
	t.Parallel()
	r, data, to := newReceiver(t), t.TempDir(), filepath.Join(t.TempDir(), "backup")
	r.answers(func(int) int { return http.StatusServiceUnavailable })
	s := program.Start(t, program.Options{Data: data})
	createHook(t, data, r.URL)
	u := complete(t, s)
	eventually(t, "an attempt", func() bool { return r.asked.Load() > 0 && listed(t, data).Failure != "" })
	command(t, 0, "backup", "--data", data, "--to", to)
	s.Kill()
	r.answers(func(int) int { return http.StatusNoContent })
	before := len(r.arrived()["upload.completed "+u.ID])
	program.Start(t, program.Options{Data: to})
	eventually(t, "what was pending", func() bool {
		return len(r.arrived()["upload.completed "+u.ID]) > before && pending(t, to) == 0
	})
}

// Three nodes share what is to be told: each event arrives, once as a rule, also those that
// a node had begun to send when it was stopped.
func TestNodes(t *testing.T) {
	t.Parallel()
	r, done := newReceiver(t), &acked{}
	stores := []string{"--meta=" + postgres.Start(t).Database(), "--blobs=" + t.TempDir()}
	secret := lastLine(command(t, 0, append([]string{"hooks", "create", "--project=team", "--url=" + r.URL}, stores...)...))
	r.secret.Store(&secret)
	key := lastLine(command(t, 0, append([]string{"keys", "create", "--project=team"}, stores...)...))
	var nodes []*program.Server
	var load sync.WaitGroup
	left := atomic.Int64{}
	left.Store(int64(*events))
	for range 3 {
		s := program.Start(t, program.Options{Flags: stores})
		nodes = append(nodes, s)
		c := uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)
		load.Go(func() {
			for left.Add(-1) >= 0 {
				u, err := tryComplete(c)
				if err != nil {
					if s != nodes[0] {
						t.Error(err)
					}
					return // it was stopped
				}
				done.add(u.ID)
			}
		})
	}
	eventually(t, "a third", func() bool { return left.Load() < int64(*events)*2/3 })
	if err := nodes[0].Stop(); err != nil {
		t.Error(err)
	}
	load.Wait()
	eventually(t, "all that was acknowledged", func() bool { return len(done.missing(r)) == 0 })
	eventually(t, "nothing pending", func() bool { return pending(t, "", stores...) == 0 })
	again := 0
	for ids := range maps.Values(r.arrived()) {
		again += len(ids) - 1
	}
	t.Logf("%d completions acknowledged, %d told, %d of them again", len(done.ids), len(r.arrived()), again)
	if again > *events/10 { // as an answer may take too long on a machine that is slow
		t.Errorf("of %d events %d arrived again", len(done.ids), again)
	}
}
