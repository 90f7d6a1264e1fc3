package web

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"uploadd/internal/meta"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var files = flag.Int("files", 25_000, "how many files the page is shown, more than 20,000")

// recordFile makes the i-th record of a file. Its bytes are nowhere: they are not
// asked for.
func recordFile(m *meta.Store, i int, f uploads.File) error {
	ctx := context.Background()
	key := fmt.Sprintf("part_%032x", i)
	if err := m.Reserve(ctx, []string{key}, time.Now().Unix()+3600); err != nil {
		return err
	}
	f.ID, f.Project, f.Parts = fmt.Sprintf("file-%022d", i), "default", 1
	return m.CreateFile(ctx, &f, &uploads.Part{ID: key, FileID: f.ID, Bytes: f.Bytes, Sums: []byte{1, 2, 3, 4}})
}

// However many files there are, a page of them is as quick, and the page as small.
func TestMany(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(dir, "uploadd.db")))(t)
	began := time.Now().Unix()
	const writers = 250 // as many as share a commit
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < *files; i += writers {
				err := recordFile(m, i, uploads.File{Filename: fmt.Sprintf("record %d.jsonl", i), Purpose: []string{"batch", "user_data"}[i%2],
					Bytes: int64(i), CreatedAt: began - int64(*files-i)*20}) // the older the smaller i is
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		return
	}
	s := program.Start(t, program.Options{Data: dir})
	walk(t, "many.mjs", s.URL+"/", fmt.Sprintf("FILES=%d", *files))
}
