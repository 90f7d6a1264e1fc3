package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/internal/wiretest"
)

// testServer is a server on SQLite and a disk of the test's own. The key is the
// name of the project.
type testServer struct {
	url     string // with /v1
	address string
	svc     *uploads.Service
}

func newServer(t testing.TB) *testServer {
	t.Helper()
	return newServerOn(t, t.TempDir(), uploads.Config{})
}

// newServerOn keeps the data in dir. Its stores are added to c.
func newServerOn(t testing.TB, dir string, c uploads.Config) *testServer {
	t.Helper()
	h, svc := newHandler(t, dir, c)
	// Every answer to every test here is held against the description.
	s := start(t, wiretest.Checked(t, h))
	return &testServer{url: s.URL + "/v1", address: s.Listener.Addr().String(), svc: svc}
}

// newHandler is what newServerOn serves.
func newHandler(t testing.TB, dir string, c uploads.Config) (http.Handler, *uploads.Service) {
	t.Helper()
	m := uploadstest.Must(meta.OpenSQLite(context.Background(), filepath.Join(dir, "uploadd.db")))(t)
	t.Cleanup(func() { m.Close() })
	b := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	t.Cleanup(func() { b.Close() })
	c.Meta, c.Blobs = m, b
	svc := uploads.New(c)
	return server.New(server.Config{
		Authenticate: func(_ context.Context, c server.Credentials) (server.Caller, error) {
			if strings.HasPrefix(c.Key, "wrong") {
				return server.Caller{}, api.Errorf(api.ErrUnauthorized, "", "Incorrect API key provided.").WithCode(api.CodeInvalidKey)
			}
			return server.Caller{API: svc.For(c.Key), Project: c.Key}, nil
		},
		Ready: svc.Ready,
	}), svc
}

// start serves h as the program does.
func start(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = server.NewHTTPServer(h, slog.New(slog.DiscardHandler))
	s.Listener = server.Refusing(s.Listener)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) client(t *testing.T, key string) *client.Client {
	t.Helper()
	return uploadstest.Must(client.New(client.Config{BaseURL: s.url, Key: key}))(t)
}

// The client in front of the server in front of the domain is an api.API like
// the domain itself.
func TestClientServerDomain(t *testing.T) {
	s := newServer(t)
	uploadstest.TestAPI(t, func(t *testing.T) api.API {
		return s.client(t, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
	})
}
