// Package records makes data directories with the records of any number of files, and
// without their bytes.
package records

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// Fill makes a data directory with the records of n files, and as many keys in
// the bin that wait for the janitor: as a process leaves it that was stopped, and
// as one that was killed, whose log is not merged into the database.
func Fill(t testing.TB, n int) (stopped, killed string) {
	dir := t.TempDir()
	blobs := uploadstest.Must(blob.OpenDisk(filepath.Join(dir, "blobs")))(t)
	defer blobs.Close()
	path := filepath.Join(dir, "uploadd.db")
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), path))(t)
	const writers = 250 // as many as share a commit
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				if err := record(m, i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	killed = t.TempDir()
	if out, err := exec.Command("cp", "-a", dir+"/.", killed).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, killed
}

func record(m *meta.Store, i int) error {
	ctx := context.Background()
	key, later := fmt.Sprintf("part_%032x", 2*i), time.Now().Add(time.Hour).Unix()
	if err := m.Reserve(ctx, []string{fmt.Sprintf("part_%032x", 2*i+1)}, 1); err != nil { // let go, and due
		return err
	}
	if err := m.Reserve(ctx, []string{key}, later); err != nil {
		return err
	}
	f := &uploads.File{ID: fmt.Sprintf("file-%022d", i), Project: "default", Filename: "f", Purpose: "batch",
		Bytes: 3, CreatedAt: int64(i), ExpiresAt: later, Parts: 1}
	return m.CreateFile(ctx, f, &uploads.Part{ID: key, FileID: f.ID, Bytes: 3, Sums: []byte{1, 2, 3, 4}})
}
