package access_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
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

// Which scope allows what.
func TestScopes(t *testing.T) {
	h := newHall(t, "")
	_, all := h.key(t, "team", "read,write,delete", nil)
	a := uploadstest.Must(h.admit(t, all, ""))(t).API
	for method, scopes := range map[string]string{
		"CreateUpload": "write upload", "GetUpload": "read write", "ListUploads": "read write", "AddPart": "write",
		"ListParts": "read write", "CompleteUpload": "write", "CancelUpload": "write",
		"CreateFile": "write upload", "ListFiles": "read", "GetFile": "read", "OpenFile": "read", "DeleteFile": "delete", "Usage": "read write",
	} {
		for _, scope := range []string{"read", "write", "delete", "upload"} {
			u := upload(t, a, 3)
			file := uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("abc"), named))(t).ID
			part := uploadstest.Must(a.AddPart(t.Context(), u, strings.NewReader("abc")))(t).ID
			_, text := h.key(t, "team", scope, nil)
			err := call(t.Context(), uploadstest.Must(h.admit(t, text, ""))(t).API, method, u, part, file)
			allowed := strings.Contains(scopes, scope)
			// Of the Uploads those that another key made do not exist for it.
			if scope == "upload" && !allowed && errors.Is(err, api.ErrNotFound) {
				continue
			}
			if allowed && err != nil || !allowed && !errors.Is(err, api.ErrForbidden) {
				t.Errorf("%s with %s: %v", method, scope, err)
			}
		}
	}
}

// A key that only hands data in has the whole life of its own Uploads, and sees no
// others, not even those of its project.
func TestUploadOnly(t *testing.T) {
	h := newHall(t, "")
	_, all := h.key(t, "team", "read,write,delete", nil)
	_, first := h.key(t, "team", "upload", nil)
	_, second := h.key(t, "team", "upload", nil)
	apis := map[string]api.API{}
	for _, text := range []string{all, first, second} {
		apis[text] = uploadstest.Must(h.admit(t, text, ""))(t).API
	}
	u := upload(t, apis[first], 3)
	part := uploadstest.Must(apis[first].AddPart(t.Context(), u, strings.NewReader("abc")))(t).ID
	if l := uploadstest.Must(apis[first].ListParts(t.Context(), u, api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("its own parts: %+v", l)
	}
	for _, method := range []string{"GetUpload", "AddPart", "ListParts", "CompleteUpload", "CancelUpload"} {
		err := call(t.Context(), apis[second], method, u, part, "")
		missing := call(t.Context(), apis[second], method, "upload_"+strings.Repeat("0", 32), part, "")
		if !errors.Is(err, api.ErrNotFound) || strings.ReplaceAll(err.Error(), u, "upload_"+strings.Repeat("0", 32)) != missing.Error() {
			t.Errorf("%s of another key's upload: %v; of none: %v", method, err, missing)
		}
	}
	if err := call(t.Context(), apis[first], "CompleteUpload", u, part, ""); err != nil {
		t.Error(err)
	}
	if l := uploadstest.Must(apis[all].ListFiles(t.Context(), api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("what was handed in: %+v", l)
	}
}

func upload(t *testing.T, a api.API, bytes int64) string {
	t.Helper()
	return uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: bytes, MimeType: "text/plain"}))(t).ID
}

func named() (api.CreateFileRequest, error) {
	return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
}

// call calls a method by its name.
func call(ctx context.Context, a api.API, method, u, part, file string) (err error) {
	switch method {
	case "CreateUpload":
		_, err = a.CreateUpload(ctx, api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"})
	case "GetUpload":
		_, err = a.GetUpload(ctx, u)
	case "ListUploads":
		_, err = a.ListUploads(ctx, api.ListQuery{})
	case "AddPart":
		_, err = a.AddPart(ctx, u, strings.NewReader("abc"))
	case "ListParts":
		_, err = a.ListParts(ctx, u, api.ListQuery{})
	case "CompleteUpload":
		_, err = a.CompleteUpload(ctx, u, api.CompleteUploadRequest{PartIDs: []string{part}})
	case "CancelUpload":
		_, err = a.CancelUpload(ctx, u)
	case "CreateFile":
		_, err = a.CreateFile(ctx, strings.NewReader("abc"), named)
	case "ListFiles":
		_, err = a.ListFiles(ctx, api.ListQuery{})
	case "GetFile":
		_, err = a.GetFile(ctx, file)
	case "DeleteFile":
		_, err = a.DeleteFile(ctx, file)
	case "Usage":
		_, err = a.Usage(ctx)
	case "OpenFile":
		var c api.Content
		if c, err = a.OpenFile(ctx, file); err == nil {
			err = c.Close()
		}
	default:
		err = fs.ErrInvalid
	}
	return err
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

func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{"read": "read", "delete, read,read": "delete,read", "upload": "upload"} {
		if s, err := access.ParseScopes(text); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "admin", "upload,read", "read,", "READ"} {
		if s, err := access.ParseScopes(text); err == nil {
			t.Errorf("%q: %v", text, s)
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
