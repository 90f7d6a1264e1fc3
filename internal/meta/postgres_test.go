package meta

import (
	"testing"

	"uploadd/internal/access/accesstest"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

func openPG(t testing.TB, url string) *Store {
	t.Helper()
	s, err := OpenPostgres(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPostgres(t *testing.T) {
	server := postgres.Start(t)
	uploadstest.TestMeta(t, func(t *testing.T) uploads.Meta { return openPG(t, server.Database()) })
}

func TestPostgresAccess(t *testing.T) {
	server := postgres.Start(t)
	accesstest.TestStore(t, func(t *testing.T) accesstest.Store { return openPG(t, server.Database()) })
}
