// Package records fills a data directory with the records of very many files, faster
// than any client could.
package records

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// FileID is the id of the i-th file.
func FileID(i int) string { return fmt.Sprintf("file-%022d", i) }

// Fill makes dir a data directory with the records of n files, the oldest first.
// describe, if not nil, may change what the i-th file is. Their bytes are nowhere. The
// records that it returns are open: closing them merges the log into the database, as the
// end of a server does; a copy of dir from before is what a killed one leaves.
func Fill(t testing.TB, dir string, n int, describe func(i int, f *uploads.File)) *meta.Store {
	t.Helper()
	blobs := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	if err := blobs.Close(); err != nil {
		t.Fatal(err)
	}
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(dir, "uploadd.db")))(t)
	const writers = 250 // as many as share a commit
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for i := w; i < n; i += writers {
				if err := record(m, i, describe); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return m
}

// record makes the i-th file.
func record(m *meta.Store, i int, describe func(i int, f *uploads.File)) error {
	ctx, key := context.Background(), fmt.Sprintf("part_%032x", i)
	later := time.Now().Add(time.Hour).Unix()
	if err := m.Reserve(ctx, []string{key}, later); err != nil {
		return err
	}
	f := &uploads.File{ID: FileID(i), Project: "default", Filename: "f", Purpose: "batch", Bytes: 3, CreatedAt: int64(i), ExpiresAt: later, Parts: 1}
	if describe != nil {
		describe(i, f)
	}
	return m.CreateFile(ctx, f, &uploads.Part{ID: key, FileID: f.ID, Bytes: f.Bytes, Sums: []byte{1, 2, 3, 4}})
}
