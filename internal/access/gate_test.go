package access_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/access"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// hall is a Gate before a Service on SQLite and a disk, with a clock that the test
// sets.
type hall struct {
	*access.Gate
	store *meta.Store
	dir   string
	clock atomic.Int64 // Unix seconds
}

func newHall(t *testing.T, open string) *hall {
	t.Helper()
	h := &hall{dir: t.TempDir()}
	h.clock.Store(1_800_000_000)
	h.store = uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(h.dir, "x.db")))(t)
	t.Cleanup(func() { h.store.Close() })
	blobs := uploadstest.Must(blob.OpenDisk(filepath.Join(h.dir, "blobs")))(t)
	t.Cleanup(func() { blobs.Close() })
	now := func() time.Time { return time.Unix(h.clock.Load(), 0) }
	svc := uploads.New(uploads.Config{Meta: h.store, Blobs: blobs, Now: now})
	h.Gate = &access.Gate{Store: h.store, API: svc.As, Open: open, Now: now}
	return h
}

// key makes a key and returns its record and its text.
func (h *hall) key(t *testing.T, project, scopes string, change func(*access.Key, *uploads.Limits)) (*access.Key, string) {
	t.Helper()
	k := &access.Key{Project: project, Scopes: uploadstest.Must(access.ParseScopes(scopes))(t), CreatedAt: h.clock.Load()}
	l := uploads.NoLimits
	if change != nil {
		change(k, &l)
	}
	text := access.NewKey(k)
	if err := h.store.CreateKey(t.Context(), k, l); err != nil {
		t.Fatal(err)
	}
	return k, text
}

// admit lets one request in and out again.
func (h *hall) admit(t *testing.T, text, project string) (*access.Pass, error) {
	t.Helper()
	p, err := h.Admit(t.Context(), access.Request{Key: text, Project: project, Local: true})
	if err == nil {
		p.Done()
	}
	return p, err
}

func TestAdmission(t *testing.T) {
	h := newHall(t, "")
	all, text := h.key(t, "team", "read,write,delete", nil)
	p := uploadstest.Must(h.admit(t, text, ""))(t)
	if p.Project != "team" || p.Key != all.ID {
		t.Errorf("admitted as %s of %s", p.Key, p.Project)
	}
	uploadstest.Must(h.admit(t, text, "team"))(t)
	_, err := h.admit(t, text, "other")
	if e := uploadstest.WantError(t, err, api.ErrUnauthorized, ""); e.Code != api.CodeProject {
		t.Errorf("a contradicting project: %v", e)
	}
	_, other := h.key(t, "team", "read", nil)
	mixed := text[:len("uploadd_")+16] + other[len("uploadd_")+16:]
	var same string
	for name, wrong := range map[string]string{
		"garbage": "sk-none", "a wrong checksum": text[:len(text)-1] + "x", "cut": text[:len(text)-9], "upper case": strings.ToUpper(text),
		"a space": text + " ", "a line": text + "\n", "long": strings.Repeat(text, 1000), "another's secret": mixed,
		"none of that id": access.NewKey(&access.Key{}),
	} {
		_, err := h.admit(t, wrong, "")
		e := uploadstest.WantError(t, err, api.ErrUnauthorized, "")
		if same == "" {
			same = e.Message
		}
		if e.Message != same || e.Code != api.CodeInvalidKey {
			t.Errorf("%s: %q, code %s: an answer of its own", name, e.Message, e.Code)
		}
	}
	_, err = h.admit(t, "", "")
	uploadstest.WantError(t, err, api.ErrUnauthorized, "")
}

// A key with the id of one that is there, the right checksum, and a secret of
// somebody's choice.
func TestForgedKey(t *testing.T) {
	h := newHall(t, "")
	k, text := h.key(t, "team", "read", nil)
	_, other := h.key(t, "team", "read", nil)
	const secret = len("uploadd_") + 16 + 1
	forged := text[:secret] + other[secret:len(other)-8]
	forged += fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(forged)))
	for range 2 { // with the record in the store, and remembered
		if _, err := h.admit(t, forged, ""); !errors.Is(err, api.ErrUnauthorized) {
			t.Errorf("a forged key: %v", err)
		}
		uploadstest.Must(h.admit(t, text, ""))(t)
	}
	stored := uploadstest.Must(h.store.Key(t.Context(), k.ID))(t)
	if want := sha256.Sum256([]byte(text[secret : len(text)-8])); !bytes.Equal(stored.Hash, want[:]) {
		t.Errorf("the record holds %x, want the secret's hash", stored.Hash)
	}
}

// A revoked key opens nothing 10 seconds later, on every node; one that ended opens
// nothing at once.
func TestEndOfKeys(t *testing.T) {
	h := newHall(t, "")
	node := &access.Gate{Store: h.store, API: h.Gate.API, Now: h.Gate.Now}
	revoked, text := h.key(t, "team", "read", nil)
	_, brief := h.key(t, "team", "read", func(k *access.Key, _ *uploads.Limits) { k.ExpiresAt = h.clock.Load() + 3 })
	for _, key := range []string{text, brief} {
		uploadstest.Must(h.admit(t, key, ""))(t)
		uploadstest.Must(node.Admit(t.Context(), access.Request{Key: key, Local: true}))(t).Done()
	}
	if err := h.store.RevokeKey(t.Context(), revoked.ID, h.clock.Load()); err != nil {
		t.Fatal(err)
	}
	h.clock.Add(3)
	if _, err := h.admit(t, brief, ""); !errors.Is(err, api.ErrUnauthorized) {
		t.Errorf("an expired key: %v", err)
	}
	h.clock.Add(6)
	for _, g := range []*access.Gate{h.Gate, node} {
		if _, err := g.Admit(t.Context(), access.Request{Key: text, Local: true}); !errors.Is(err, api.ErrUnauthorized) {
			t.Errorf("a key revoked 9 s ago: %v", err)
		}
	}
}

// Anybody is let in only until a key was made, and never again.
func TestOpen(t *testing.T) {
	h := newHall(t, "default")
	for _, text := range []string{"", "sk-anything"} {
		if p := uploadstest.Must(h.admit(t, text, "proj_of_somebody"))(t); p.Project != "default" || p.Key != "" {
			t.Errorf("admitted as %q of %s", p.Key, p.Project)
		}
	}
	_, err := h.Admit(t.Context(), access.Request{})
	uploadstest.WantError(t, err, api.ErrForbidden, "") // a page in a browser of this machine
	k, text := h.key(t, "team", "read", nil)
	h.clock.Add(9)
	uploadstest.Must(h.Admit(t.Context(), access.Request{Key: text}))(t).Done()
	if _, err := h.admit(t, "", ""); !errors.Is(err, api.ErrUnauthorized) {
		t.Errorf("without a key 9 s after there is one: %v", err)
	}
	uploadstest.Must(h.admit(t, text, ""))(t)
	if err := h.store.RevokeKey(t.Context(), k.ID, h.clock.Load()); err != nil {
		t.Fatal(err)
	}
	h.clock.Add(9)
	restarted := &access.Gate{Store: h.store, API: h.Gate.API, Open: "default", Now: h.Gate.Now}
	for _, g := range []*access.Gate{h.Gate, restarted} {
		if _, err := g.Admit(t.Context(), access.Request{Key: "", Local: true}); !errors.Is(err, api.ErrUnauthorized) {
			t.Errorf("once the last key is revoked: %v", err)
		}
	}
}

// A store that does not answer lets nobody in, and is no 401: the key may be good.
func TestStoreDown(t *testing.T) {
	for _, open := range []string{"", "default"} {
		h := newHall(t, open)
		_, text := h.key(t, "team", "read", nil)
		h.store.Close()
		_, err := h.admit(t, text, "")
		uploadstest.WantError(t, err, api.ErrUnavailable, "")
	}
}

func TestRate(t *testing.T) {
	h := newHall(t, "")
	_, slow := h.key(t, "team", "read", func(_ *access.Key, l *uploads.Limits) { l.Requests = 60 })
	_, fast := h.key(t, "team", "read", nil)
	_, other := h.key(t, "other", "read", nil)
	let := func(text string, n int) (in int) {
		for range n {
			switch _, err := h.admit(t, text, ""); {
			case err == nil:
				in++
			default:
				if e := uploadstest.WantError(t, err, api.ErrTooManyRequests, ""); e.RetryAfter < 1 || e.Code != api.CodeRateLimit {
					t.Fatalf("refused with %+v", e)
				}
			}
		}
		return in
	}
	if in := let(slow, 30); in != 10 {
		t.Errorf("%d at once of 60 a minute, want 10", in)
	}
	h.clock.Add(2)
	if in := let(slow, 30); in != 2 {
		t.Errorf("%d in 2 s of 60 a minute, want 2", in)
	}
	if in := let(fast, 100); in != 100 {
		t.Errorf("another key of the project: %d of 100", in)
	}
	set := func(requests int64) {
		t.Helper()
		err := h.store.SetLimits(t.Context(), "team", 0, func(l *uploads.Limits) { l.Requests = requests })
		if err != nil {
			t.Fatal(err)
		}
		h.clock.Add(9)
	}
	set(600)
	if in := let(fast, 300); in != 100 {
		t.Errorf("%d at once of the project's 600 a minute, want 100", in)
	}
	set(0)
	if in := let(fast, 10); in > 1 {
		t.Errorf("%d of none at all", in)
	}
	if in := let(other, 100); in != 100 {
		t.Errorf("another project: %d of 100", in)
	}
}

func TestInFlight(t *testing.T) {
	h := newHall(t, "")
	_, text := h.key(t, "team", "read", nil)
	_, other := h.key(t, "other", "read", nil)
	var passes []*access.Pass
	for range 10_000 {
		p, err := h.Admit(t.Context(), access.Request{Key: text, Local: true})
		if err != nil {
			uploadstest.WantError(t, err, api.ErrTooManyRequests, "")
			break
		}
		passes = append(passes, p)
	}
	if n := len(passes); n < 64 || n > 1000 {
		t.Errorf("%d requests at once were let in", n)
	}
	uploadstest.Must(h.admit(t, other, ""))(t)
	passes[0].Done()
	passes[0].Done() // counts once
	uploadstest.Must(h.Admit(t.Context(), access.Request{Key: text, Local: true}))(t)
	_, err := h.Admit(t.Context(), access.Request{Key: text, Local: true})
	uploadstest.WantError(t, err, api.ErrTooManyRequests, "")
}

func TestRedact(t *testing.T) {
	text := access.NewKey(&access.Key{})
	id := text[:len("uploadd_")+17]
	for in, want := range map[string]string{
		"nothing":                         "nothing",
		"uploadd_ and uploadd_x_y":        "uploadd_ and uploadd_x_y",
		text:                              id + "[secret]",
		"/v1/" + text + "/x " + text[:50]: "/v1/" + id + "[secret]/x " + id + "[secret]",
		strings.ToUpper(text):             strings.ToUpper(id) + "[secret]",
		"a " + text[len(id):len(text)-8]:  "a [secret]",
		"file-3kQ9xZ1vB7nM5cL2sD8fGh":     "file-3kQ9xZ1vB7nM5cL2sD8fGh",
	} {
		if got := access.Redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestProjectNames(t *testing.T) {
	for _, name := range []string{"a", "Team-1.x_y", strings.Repeat("a", 64)} {
		if err := access.ValidateProject(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "-a", ".a", "a b", "a\nb", "ä", "a/b", strings.Repeat("a", 65)} {
		if err := access.ValidateProject(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
