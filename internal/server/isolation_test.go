package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/access"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/internal/wiretest"
)

// row is what a route takes: which scopes, each by itself, open it, and the request
// with the ids that it carries.
type row struct {
	scopes string
	slots  []string // where it takes ids: "upload" or "file" in the path, "part" in part_ids, and "after"
	query  string
	typ    string // the body's
	body   string
}

const form = "multipart/form-data; boundary=b"

func formOf(field, rest string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"f\"\r\n\r\nabc\r\n" + rest + "--b--\r\n"
}

// rows has every route of the router, or the test fails. {upload}, {file}, {part}
// and {after} stand for ids.
var rows = map[string]row{
	"POST /uploads": {scopes: "write upload", typ: "application/json",
		body: `{"filename":"f","purpose":"batch","bytes":3,"mime_type":"text/plain"}`},
	"GET /uploads":                {scopes: "read write", slots: []string{"after upload"}, query: "?after={after}"},
	"GET /uploads/{id}":           {scopes: "read write upload", slots: []string{"upload"}},
	"POST /uploads/{id}/parts":    {scopes: "write upload", slots: []string{"upload"}, typ: form, body: formOf("data", "")},
	"GET /uploads/{id}/parts":     {scopes: "read write upload", slots: []string{"upload", "after part"}, query: "?after={after}"},
	"POST /uploads/{id}/complete": {scopes: "write upload", slots: []string{"upload", "part"}, typ: "application/json", body: `{"part_ids":["{part}"]}`},
	"POST /uploads/{id}/cancel":   {scopes: "write upload", slots: []string{"upload"}},
	"POST /files": {scopes: "write upload", typ: form,
		body: formOf("file", "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n")},
	"GET /files":              {scopes: "read", slots: []string{"after file"}, query: "?after={after}"},
	"GET /files/{id}":         {scopes: "read", slots: []string{"file"}},
	"DELETE /files/{id}":      {scopes: "delete", slots: []string{"file"}},
	"GET /files/{id}/content": {scopes: "read", slots: []string{"file"}},
	"GET /usage":              {scopes: "read write"},
}

func TestEveryRouteHasARow(t *testing.T) {
	want := slices.Sorted(maps.Keys(rows))
	if diff := cmp.Diff(server.Routes(), want); diff != "" {
		t.Fatalf("the matrix does not cover the router (-router +matrix):\n%s", diff)
	}
	for route, r := range rows {
		inPath := strings.Contains(route, "{id}")
		if inPath != (slices.Contains(r.slots, "upload") || slices.Contains(r.slots, "file")) {
			t.Errorf("%s: the id in its path is not among its slots", route)
		}
	}
}

// guarded is a server behind a gate, on stores whose calls are noted.
type guarded struct {
	t     *testing.T
	url   string
	store *meta.Store
	mu    sync.Mutex
	calls []string // of the stores, since the last answer
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{t: t}
	dir := t.TempDir()
	g.store = uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(dir, "x.db")))(t)
	t.Cleanup(func() { g.store.Close() })
	disk := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	t.Cleanup(func() { disk.Close() })
	m, b := uploadstest.Intercept(g.store, disk, func(op string, do func() error) error {
		g.mu.Lock()
		g.calls = append(g.calls, op)
		g.mu.Unlock()
		return do()
	})
	svc := uploads.New(uploads.Config{Meta: m, Blobs: b})
	gate := &access.Gate{Store: g.store, API: svc.As, Now: time.Now}
	h := server.New(server.Config{Authenticate: func(ctx context.Context, c server.Credentials) (server.Caller, error) {
		pass, err := gate.Admit(ctx, access.Request(c))
		if pass == nil {
			return server.Caller{}, err
		}
		return server.Caller(*pass), err
	}})
	s := httptest.NewServer(wiretest.Checked(t, h))
	t.Cleanup(s.Close)
	g.url = s.URL + "/v1"
	return g
}

func (g *guarded) key(project, scopes string, change func(*access.Key)) (id, text string) {
	g.t.Helper()
	k := &access.Key{Project: project, Scopes: uploadstest.Must(access.ParseScopes(scopes))(g.t), CreatedAt: time.Now().Unix()}
	if change != nil {
		change(k)
	}
	text = access.NewKey(k)
	if err := g.store.CreateKey(g.t.Context(), k, uploads.NoLimits); err != nil {
		g.t.Fatal(err)
	}
	return k.ID, text
}

func (g *guarded) client(key string) *client.Client {
	g.t.Helper()
	return uploadstest.Must(client.New(client.Config{BaseURL: g.url, Key: key}))(g.t)
}

// ids are what a request carries, by slot.
type ids map[string]string

func (i ids) with(slot, id string) ids {
	i = maps.Clone(i)
	i[slot] = id
	return i
}

// answer is all of an answer that a caller could tell two of them apart by.
type answer struct {
	Status int
	Header http.Header
	Body   string
	Calls  []string // of the stores: what they cost in time
}

// ask sends the request of a route with these ids and headers.
func (g *guarded) ask(route string, i ids, header map[string]string) answer {
	g.t.Helper()
	r := rows[route]
	method, path, _ := strings.Cut(route, " ")
	id := i["upload"]
	if strings.HasPrefix(path, "/files") {
		id = i["file"]
	}
	fill := strings.NewReplacer("{id}", id, "{part}", i["part"], "{after}", i["after"])
	req := uploadstest.Must(http.NewRequest(method, g.url+fill.Replace(path+r.query), strings.NewReader(fill.Replace(r.body))))(g.t)
	if r.typ != "" {
		req.Header.Set("Content-Type", r.typ)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	g.mu.Lock()
	g.calls = nil
	g.mu.Unlock()
	resp := uploadstest.Must(http.DefaultClient.Do(req))(g.t)
	defer resp.Body.Close()
	body := uploadstest.Must(io.ReadAll(resp.Body))(g.t)
	requestID := resp.Header.Get("X-Request-Id")
	for _, varies := range []string{"X-Request-Id", "Date", "Openai-Processing-Ms"} {
		resp.Header.Del(varies)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return answer{resp.StatusCode, resp.Header, string(bytes.ReplaceAll(body, []byte(requestID), []byte("REQUEST"))), slices.Clone(g.calls)}
}

func bearer(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }

// property is one project's: an object of each kind in each state.
type property struct {
	api     *client.Client
	open    ids // of what is there
	uploads []string
	parts   []string
	files   []string
}

func (g *guarded) property(key string) *property {
	t := g.t
	t.Helper()
	p := &property{api: g.client(key)}
	add := func(u string) string {
		part := uploadstest.Must(p.api.AddPart(t.Context(), u, strings.NewReader("abc")))(t).ID
		p.parts = append(p.parts, part)
		return part
	}
	for range 3 {
		u := uploadstest.Must(p.api.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"}))(t)
		p.uploads = append(p.uploads, u.ID)
	}
	part, pending, completed, cancelled := add(p.uploads[0]), p.uploads[0], p.uploads[1], p.uploads[2]
	done := uploadstest.Must(p.api.CompleteUpload(t.Context(), completed, api.CompleteUploadRequest{PartIDs: []string{add(completed)}}))(t)
	uploadstest.Must(p.api.CancelUpload(t.Context(), cancelled))(t)
	for range 2 {
		f := uploadstest.Must(p.api.CreateFile(t.Context(), strings.NewReader("secret of "+key), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
		}))(t)
		p.files = append(p.files, f.ID)
	}
	uploadstest.Must(p.api.DeleteFile(t.Context(), p.files[1]))(t)
	p.files = append(p.files, done.File.ID)
	p.open = ids{"upload": pending, "part": part, "file": p.files[0]}
	return p
}

var missing = map[string]string{
	"upload": "upload_" + strings.Repeat("0", 32), "part": "part_" + strings.Repeat("0", 32), "file": "file-" + strings.Repeat("0", 22),
}

// Whoever knows every id of another project learns nothing by them, on any route,
// in any place that takes an id: the answer is that to an id which never was, to
// the byte, and the stores are asked the same for it.
func TestForeignIDs(t *testing.T) {
	g := newGuarded(t)
	_, mine := g.key("mine", "read,write,delete", nil)
	_, theirs := g.key("theirs", "read,write,delete", nil)
	me, they := g.property(mine), g.property(theirs)
	before := uploadstest.Must(uploadstest.State(they.api))(t)
	compared := 0
	for _, route := range slices.Sorted(maps.Keys(rows)) {
		for _, slot := range rows[route].slots {
			slot, kind, isCursor := strings.Cut(slot, " ")
			if !isCursor {
				kind = slot
			}
			want := g.ask(route, me.open.with(slot, missing[kind]), bearer(mine))
			if want.Status != 404 && want.Status != 400 {
				t.Errorf("%s with a %s that never was: %+v", route, slot, want)
			}
			for _, id := range map[string][]string{"upload": they.uploads, "part": they.parts, "file": they.files}[kind] {
				got := g.ask(route, me.open.with(slot, id), bearer(mine))
				got.Body = strings.ReplaceAll(got.Body, id, missing[kind])
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s with another project's %s as %s (-never was +foreign):\n%s", route, kind, slot, diff)
				}
				compared++
			}
		}
	}
	if compared < 30 {
		t.Errorf("%d answers were compared: the matrix has shrunk", compared)
	}
	if after := uploadstest.Must(uploadstest.State(they.api))(t); after != before {
		t.Errorf("the other project was changed:\n%s\nwas:\n%s", after, before)
	}
	for _, list := range []string{"GET /uploads", "GET /files", "GET /usage"} {
		rows := g.ask(list, ids{}, bearer(mine))
		for _, id := range slices.Concat(they.uploads, they.parts, they.files, []string{"theirs"}) {
			if strings.Contains(rows.Body, id) {
				t.Errorf("%s shows %s", list, id)
			}
		}
	}
}

// Which caller each route lets in.
func TestCallers(t *testing.T) {
	g := newGuarded(t)
	_, all := g.key("mine", "read,write,delete", nil)
	revokedID, revoked := g.key("mine", "read,write,delete", nil)
	if err := g.store.RevokeKey(t.Context(), revokedID, 1); err != nil {
		t.Fatal(err)
	}
	_, expired := g.key("mine", "read,write,delete", func(k *access.Key) { k.ExpiresAt = 1 })
	unknown := access.NewKey(&access.Key{})
	strangers := map[string]map[string]string{
		"nobody":                      nil,
		"basic":                       {"Authorization": "Basic eDp5"},
		"an empty bearer":             {"Authorization": "Bearer "},
		"two tokens":                  {"Authorization": "Bearer a b"},
		"garbage":                     bearer("sk-garbage"),
		"a key with a letter changed": bearer(all[:len(all)-1] + "0"),
		"a key nobody made":           bearer(unknown),
		"a revoked key":               bearer(revoked),
		"an expired key":              bearer(expired),
		"a revoked key, as Azure":     {"Api-Key": revoked},
		"two keys":                    {"Authorization": "Bearer " + all, "Api-Key": unknown},
		"two keys, the other way":     {"Authorization": "Bearer " + unknown, "Api-Key": all},
		"another project's header":    {"Authorization": "Bearer " + all, "OpenAI-Project": "theirs"},
		"an organization and no key":  {"OpenAI-Organization": "mine", "OpenAI-Project": "mine"},
	}
	if last := all[len(all)-1]; last == '0' {
		strangers["a key with a letter changed"] = bearer(all[:len(all)-1] + "1")
	}
	for _, route := range slices.Sorted(maps.Keys(rows)) {
		me := g.property(all)
		me.open["after"] = ""
		nowhere := ids{"upload": missing["upload"], "part": missing["part"], "file": missing["file"]}
		for name, header := range strangers {
			got, want := g.ask(route, me.open, header), g.ask(route, nowhere, header)
			if got.Status != 401 || got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s by %s: status %d, %s", route, name, got.Status, got.Body)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %s differs by what is there (-nothing +something):\n%s", route, name, diff)
			}
			if len(got.Calls) != 0 {
				t.Errorf("%s by %s reached the stores: %v", route, name, got.Calls)
			}
			if strings.Contains(fmt.Sprint(got), all) || strings.Contains(fmt.Sprint(got), unknown) {
				t.Errorf("%s by %s: the answer shows a key", route, name)
			}
		}
		for _, scope := range []string{"read", "write", "delete", "upload"} {
			_, text := g.key("mine", scope, nil)
			header := bearer(text)
			header["OpenAI-Project"], header["OpenAI-Organization"] = "mine", "whoever"
			got := g.ask(route, g.owned(text, scope, me), header)
			switch allowed := slices.Contains(strings.Fields(rows[route].scopes), scope); {
			case allowed && got.Status != 200:
				t.Errorf("%s with %s: status %d, %s", route, scope, got.Status, got.Body)
			case !allowed && (got.Status != 403 || !strings.Contains(got.Body, api.CodeMissingScope) || len(got.Calls) != 0):
				t.Errorf("%s with %s: status %d, %s, calls %v", route, scope, got.Status, got.Body, got.Calls)
			}
		}
		if got := g.ask(route, g.property(all).open, map[string]string{"Api-Key": all}); got.Status != 200 {
			t.Errorf("%s with the header of Azure: status %d, %s", route, got.Status, got.Body)
		}
	}
}

// What a key does not allow is refused whatever is sent, and before it is: a client that
// waits to be told to go on is not.
func TestScopesBeforeBodies(t *testing.T) {
	g := newGuarded(t)
	for _, scope := range []string{"read", "write", "delete", "upload"} {
		_, key := g.key("mine", scope, nil)
		for route, r := range rows {
			if slices.Contains(strings.Fields(r.scopes), scope) {
				continue
			}
			method, path, _ := strings.Cut(route, " ")
			req := uploadstest.Must(http.NewRequest(method, g.url+strings.ReplaceAll(path, "{id}", "any")+"?limit=0", &endless{}))(t)
			req.Header.Set("Authorization", "Bearer "+key)
			req.Header.Set("Expect", "100-continue")
			req.ContentLength = 1 << 20
			resp := uploadstest.Must(http.DefaultTransport.RoundTrip(req))(t)
			resp.Body.Close()
			if sent := req.Body.(interface{ read() int64 }); resp.StatusCode != 403 || sent.read() != 0 {
				t.Errorf("%s with %s: status %d, and %d bytes were asked for", route, scope, resp.StatusCode, sent.read())
			}
		}
	}
}

// endless is a body that never ends, and counts what is read of it.
type endless struct{ n atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.n.Add(int64(len(p)))
	return len(p), nil
}

func (e *endless) Close() error { return nil }
func (e *endless) read() int64  { return e.n.Load() }

// owned are ids that a key of that scope may use: one for handing data in has no
// others than its own.
func (g *guarded) owned(text, scope string, me *property) ids {
	g.t.Helper()
	if scope != "upload" {
		_, all := g.key("mine", "read,write,delete", nil)
		return g.property(all).open.with("after", "")
	}
	c := g.client(text)
	u := uploadstest.Must(c.CreateUpload(g.t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"}))(g.t)
	part := uploadstest.Must(c.AddPart(g.t.Context(), u.ID, strings.NewReader("abc")))(g.t)
	return ids{"upload": u.ID, "part": part.ID, "file": me.open["file"]}
}
