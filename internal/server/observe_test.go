package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/server"
	"uploadd/internal/uploads/uploadstest"
)

var errBehind = errors.New("what is behind does not work")

// behind is an API that answers a few calls as no real one should.
type behind struct{ api.API }

func (behind) GetUpload(context.Context, string) (*api.Upload, error) { panic("a bug") }

func (behind) GetFile(context.Context, string) (*api.File, error) { return nil, errBehind }

func (behind) OpenFile(context.Context, string) (api.Content, error) {
	left := int64(readableOfBroken)
	return brokenContent{&left}, nil
}

func (behind) AddPart(_ context.Context, _ string, data io.Reader) (*api.Part, error) {
	_, err := io.Copy(io.Discard, data)
	return &api.Part{ID: "part_1", Object: "upload.part"}, err
}

// brokenContent is a File that can be read only so far.
type brokenContent struct{ left *int64 }

const (
	lengthOfBroken   = 2 << 20
	readableOfBroken = 1 << 20
)

func (brokenContent) File() *api.File                { return &api.File{ID: "file-1", Bytes: lengthOfBroken} }
func (brokenContent) CRC32C() (uint32, bool)         { return 0, false }
func (brokenContent) Seek(int64, int) (int64, error) { return lengthOfBroken, nil }
func (brokenContent) Close() error                   { return nil }

func (c brokenContent) Read(p []byte) (int, error) {
	n := min(int64(len(p)), *c.left)
	if *c.left -= n; n == 0 {
		return 0, errBehind
	}
	return int(n), nil
}

type contextKey struct{}

// observed is a server that tells of its requests. What it tells is held against the
// context that the observer has given to the request.
func observed(t *testing.T) (url string, outcomes <-chan server.Outcome) {
	t.Helper()
	told := make(chan server.Outcome, 100)
	s := start(t, server.New(server.Config{
		Authenticate: func(ctx context.Context, c server.Credentials) (server.Caller, error) {
			if ctx.Value(contextKey{}) == nil {
				t.Error("the request does not have the observer's context")
			}
			if c.Key == "" {
				return server.Caller{}, api.Errorf(api.ErrUnauthorized, "", "No key.")
			}
			return server.Caller{API: behind{}, Project: "p"}, nil
		},
		Page: map[string]http.Handler{
			"/":            http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") }),
			"/assets/a.js": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a script") }),
		},
		Observe: func(r *http.Request) (context.Context, func(server.Outcome)) {
			return context.WithValue(r.Context(), contextKey{}, true), func(o server.Outcome) { told <- o }
		},
	}))
	return s.URL, told
}

// What is told of a request is in few words, whatever was asked for, and what became of
// it: where it was refused, where its handler failed or panicked, and where its answer
// broke off.
func TestOutcomes(t *testing.T) {
	url, outcomes := observed(t)
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // never asks again
	form := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"x\"\r\n\r\n0123456789\r\n--b--\r\n"
	for _, tt := range []struct {
		method, path, body string
		want               string // route, method, status, whether it was broken off
		in                 int64
		err                error
	}{
		{"GET", "/healthz", "", "/healthz GET 200 false", 0, nil},
		{"GET", "/openapi.json", "", "/openapi.json GET 200 false", 0, nil},
		{"GET", "/", "", "page GET 200 false", 0, nil},
		{"HEAD", "/assets/a.js", "", "page HEAD 200 false", 0, nil},
		{"GET", "/v1/uploads/upload_1?secret=x", "", "/uploads/{id} GET 500 false", 0, nil},
		{"GET", "/files/file-1", "", "/files/{id} GET 500 false", 0, errBehind},
		{"POST", "/v1/files/file-1", "", "/files/{id} POST 405 false", 0, nil},
		{"BREW", "/v1/files/file-1", "", "/files/{id} other 405 false", 0, nil},
		{"GET", "/v1/files/file-1/content", "", "/files/{id}/content GET 200 true", 0, errBehind},
		{"POST", "/v1/uploads/upload_1/parts", form, "/uploads/{id}/parts POST 200 false", int64(len(form)), nil},
		{"GET", "/v1/nowhere/at/all", "", "other GET 404 false", 0, nil},
		{"GET", "/v1//files", "", "other GET 404 false", 0, nil},
	} {
		r := uploadstest.Must(http.NewRequest(tt.method, url+tt.path, strings.NewReader(tt.body)))(t)
		r.Header.Set("Authorization", "Bearer key")
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		resp := uploadstest.Must(once.Do(r))(t)
		body, _ := io.ReadAll(resp.Body) // which may break off
		resp.Body.Close()
		got := <-outcomes
		if s := fmt.Sprint(got.Route, " ", got.Method, " ", got.Status, " ", got.BrokenOff); s != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.method, tt.path, s, tt.want)
		}
		if out := int64(len(body)); got.In != tt.in || got.Out != out && tt.method != "HEAD" {
			t.Errorf("%s %s: %d bytes in and %d out, want %d and %d", tt.method, tt.path, got.In, got.Out, tt.in, out)
		}
		if tt.err != nil && !errors.Is(got.Err, tt.err) || got.Status >= 400 && got.Err == nil {
			t.Errorf("%s %s: the error is %v, want %v", tt.method, tt.path, got.Err, tt.err)
		}
		if got.RequestID == "" || got.RequestID != resp.Header.Get("X-Request-Id") || got.Took <= 0 || got.Took > time.Hour {
			t.Errorf("%s %s: request %q took %s", tt.method, tt.path, got.RequestID, got.Took)
		}
	}
}

// A request that is refused before its path is looked at is told of too.
func TestOutcomeOfRefused(t *testing.T) {
	url, outcomes := observed(t)
	conn := uploadstest.Must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))(t)
	defer conn.Close()
	io.WriteString(conn, "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	resp := uploadstest.Must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
	resp.Body.Close()
	if got := <-outcomes; got.Route != "other" || got.Status != 400 || resp.StatusCode != 400 {
		t.Errorf("told of %s with status %d, answered %d", got.Route, got.Status, resp.StatusCode)
	}
}
