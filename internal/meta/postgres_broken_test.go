package meta

import (
	"errors"
	"testing"

	"uploadd/internal/uploads"
	"uploadd/test/postgres"
)

// An answer that breaks off in the middle is the store's failure, not an internal error.
func TestPostgresBreaksOff(t *testing.T) {
	server := postgres.Start(t)
	way := postgres.NewProxy(t, server)
	s := openPG(t, way.URL(server, server.Database()))
	rows, err := s.read.query(t.Context(), `SELECT n FROM generate_series(1, 10000000) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	way.Cut()
	if _, err := all(scanInt, rows, nil); !errors.Is(err, uploads.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	way.Mend()
	if known, err := s.Known(t.Context(), "k"); err != nil || known {
		t.Errorf("when the way is open again: %v, %v", known, err)
	}
}
