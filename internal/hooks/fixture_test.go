package hooks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/hooks"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// world is a server's domain on stores of the test's own, with a clock that the test
// sets, and what its dispatchers log.
type world struct {
	t     testing.TB
	store *meta.Store
	api   api.API
	clock atomic.Int64 // Unix seconds
	log   logged
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "x.db")))(t))
}

func newWorldOn(t testing.TB, store *meta.Store) *world {
	t.Helper()
	t.Cleanup(func() { store.Close() })
	blobs := uploadstest.Must(blob.OpenDisk(t.TempDir()))(t)
	t.Cleanup(func() { blobs.Close() })
	w := &world{t: t, store: store}
	w.clock.Store(1_800_000_000)
	w.api = uploads.New(uploads.Config{Meta: store, Blobs: blobs, Now: w.now}).For("team")
	return w
}

func (w *world) now() time.Time       { return time.Unix(w.clock.Load(), 0) }
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

// hook makes a hook of the project.
func (w *world) hook(url string, types ...hooks.Type) *hooks.Hook {
	w.t.Helper()
	h := &hooks.Hook{Project: "team", URL: url, Events: types, CreatedAt: w.clock.Load()}
	if types == nil {
		h.Events = hooks.AllTypes
	}
	hooks.NewHook(h)
	if err := w.store.CreateHook(w.t.Context(), h); err != nil {
		w.t.Fatal(err)
	}
	return h
}

// complete makes an Upload and completes it.
func (w *world) complete() *api.Upload {
	w.t.Helper()
	ctx := w.t.Context()
	u := uploadstest.Must(w.api.CreateUpload(ctx, api.CreateUploadRequest{Filename: "ä.txt", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"}))(w.t)
	p := uploadstest.Must(w.api.AddPart(ctx, u.ID, strings.NewReader("abc")))(w.t)
	return uploadstest.Must(w.api.CompleteUpload(ctx, u.ID, api.CompleteUploadRequest{PartIDs: []string{p.ID}}))(w.t)
}

// dispatcher is one of w's, which looks often. It does not run yet.
func (w *world) dispatcher() *hooks.Dispatcher {
	return &hooks.Dispatcher{Store: w.store, Client: hooks.NewClient(http.DefaultTransport.(*http.Transport).Clone()), Now: w.now,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Period: 10 * time.Millisecond}
}

// dispatch runs a dispatcher until the test ends, or until stop is called.
func (w *world) dispatch(d *hooks.Dispatcher) (stop func()) {
	w.t.Helper()
	return run(w.t, d)
}

func (w *world) listed() hooks.Listed {
	w.t.Helper()
	return uploadstest.Must(w.store.Hooks(w.t.Context(), ""))(w.t)[0]
}

// eventually waits for a condition, for as long as a slow machine may take.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// receiver is an endpoint. It verifies what it is sent with the library of Standard
// Webhooks, and answers as the test says.
type receiver struct {
	*httptest.Server
	t      testing.TB
	answer atomic.Pointer[http.HandlerFunc] // nil: 204

	mu      sync.Mutex
	secrets []string
	got     []api.Event
	asked   int // requests of whatever kind
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f http.HandlerFunc) { r.answer.Store(&f) }

func (r *receiver) expects(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	var e api.Event
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Error(err)
	}
	if req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" || req.Header.Get("Webhook-Id") != e.ID || e.Object != "event" {
		r.t.Errorf("%s with %v and %s", req.Method, req.Header, body)
	}
	r.mu.Lock()
	for _, secret := range r.secrets {
		wh, err := standardwebhooks.NewWebhook(secret)
		if err == nil {
			err = wh.Verify(body, req.Header)
		}
		if err != nil {
			r.t.Error(err)
		}
	}
	r.asked++
	r.got = append(r.got, e)
	r.mu.Unlock()
	if answer := r.answer.Load(); answer != nil {
		(*answer)(w, req)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// events are those that came, in the order in which they did.
func (r *receiver) events() []api.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]api.Event{}, r.got...)
}
