package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadd/api"
)

// TestAzure: its paths, its version, its header for the key.
func TestAzure(t *testing.T) {
	var got, key, bearer string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, key, bearer = r.Method+" "+r.RequestURI, r.Header.Get("api-key"), r.Header.Get("Authorization")
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{}`)
	}))
	defer srv.Close()
	for _, tt := range []struct{ base, version, list, part string }{
		{"", "2024-10-21", "GET /openai/files?api-version=2024-10-21&limit=2", "POST /openai/uploads/u/parts?api-version=2024-10-21"},
		{"/", "v1", "GET /openai/v1/files?limit=2", "POST /openai/v1/uploads/u/parts"},
		{"/openai", "v1", "GET /openai/v1/files?limit=2", "POST /openai/v1/uploads/u/parts"},
		{"/openai/v1/", "v1", "GET /openai/v1/files?limit=2", "POST /openai/v1/uploads/u/parts"},
		{"/gate/openai/", "2024-10-21", "GET /gate/openai/files?api-version=2024-10-21&limit=2", "POST /gate/openai/uploads/u/parts?api-version=2024-10-21"},
	} {
		c, err := New(Config{BaseURL: srv.URL + tt.base, Key: testKey, APIVersion: tt.version})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ListFiles(context.Background(), api.ListQuery{Limit: 2}); err != nil || got != tt.list {
			t.Errorf("%s: %s, %v; want %s", tt.base, got, err, tt.list)
		}
		if _, err := c.AddPart(context.Background(), "u", strings.NewReader("x")); err != nil || got != tt.part {
			t.Errorf("%s: %s, %v; want %s", tt.base, got, err, tt.part)
		}
		if key != testKey || bearer != "" {
			t.Errorf("%s: api-key %q, Authorization %q", tt.base, key, bearer)
		}
		c.http.CloseIdleConnections()
	}
}
