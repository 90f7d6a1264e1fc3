package meta

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// Small blobs that are deleted leave no hole in the file of the database.
func TestSmallBlobsGiveBack(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "uploadd.db")
	s := uploadstest.Must(OpenSQLite(ctx, path))(t)
	length := func() int64 {
		s.write.(*committer).checkpoint()
		return uploadstest.Must(os.Stat(path))(t).Size()
	}
	empty := length()
	var keys []string
	for i := range 200 {
		key := fmt.Sprintf("part_%032x", i)
		keys = append(keys, key)
		if err := s.PutSmall(ctx, key, uploadstest.Random(uint64(i), 16000)); err != nil {
			t.Fatal(err)
		}
	}
	full := length()
	gone, others, err := s.DeleteSmall(ctx, append(keys, "part_ff"))
	if err != nil || len(gone) != len(keys) || len(others) != 1 {
		t.Fatalf("%d gone, others %v, %v", len(gone), others, err)
	}
	if now := length(); full < empty+200*16000 || now > empty+64<<10 {
		t.Errorf("%d bytes, %d with 200 small blobs, and %d without them", empty, full, now)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
