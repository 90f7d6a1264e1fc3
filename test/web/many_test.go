package web

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"uploadd/internal/uploads"
	"uploadd/test/program"
	"uploadd/test/records"
)

var files = flag.Int("files", 25_000, "how many files the page is shown, more than 20,000")

// However many files there are, a page of them is as quick, and the page as small.
func TestMany(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	began := time.Now().Unix()
	m := records.Fill(t, dir, *files, func(i int, f *uploads.File) {
		f.Filename, f.Purpose = fmt.Sprintf("record %d.jsonl", i), []string{"batch", "user_data"}[i%2]
		f.Bytes, f.CreatedAt, f.ExpiresAt = int64(i), began-int64(*files-i)*20, 0 // the older the smaller i is
	})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	s := program.Start(t, program.Options{Data: dir})
	walk(t, "many.mjs", s.URL+"/", fmt.Sprintf("FILES=%d", *files))
}
