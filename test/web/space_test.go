package web

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
	"uploadd/test/records"
)

const day = 24 * 60 * 60 // seconds

// stored are files of all ages, in bytes and seconds; each is there several times.
var stored = []struct {
	name, purpose string
	bytes, age    int64
	times         int
}{
	{"interview %d.mp4", "user_data", 700 << 20, 3 * 3600, 4},
	{"manual %d.pdf", "user_data", 12 << 20, 4 * day, 10},
	{"archive %d.tar.zst", "user_data", 1 << 30, 200 * day, 3},
	{"requests %d.jsonl", "batch", 180 << 20, 2 * day, 6},
	{"requests of last month %d.jsonl", "batch", 190 << 20, 25 * day, 5},
	{"examples %d.jsonl", "fine-tune", 90 << 20, 50 * day, 12},
	{"chart %d.png", "vision", 3 << 20, 6 * day, 9},
	{"suite %d.jsonl", "evals", 40 << 20, 120 * day, 2},
}

// figures are the rows that the page shows of these.
var figures = [][]string{
	{"user_data", "2.7 GiB", "120 MiB", "–", "–", "3.0 GiB", "5.9 GiB", "17"},
	{"batch", "–", "1.1 GiB", "950 MiB", "–", "–", "2.0 GiB", "11"},
	{"fine-tune", "–", "–", "–", "1.1 GiB", "–", "1.1 GiB", "12"},
	{"evals", "–", "–", "–", "–", "80.0 MiB", "80.0 MiB", "2"},
	{"vision", "–", "27.0 MiB", "–", "–", "–", "27.0 MiB", "9"},
}

// The picture of what fills the space, of files that are older than a test can wait.
func TestSpace(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now().Unix()
	var list []uploads.File
	for _, f := range stored {
		for i := range f.times {
			list = append(list, uploads.File{Filename: fmt.Sprintf(f.name, i+1), Purpose: f.purpose, Bytes: f.bytes, CreatedAt: now - f.age - int64(i)*600})
		}
	}
	m := records.Fill(t, dir, len(list), func(i int, f *uploads.File) {
		f.Filename, f.Purpose, f.Bytes, f.CreatedAt, f.ExpiresAt = list[i].Filename, list[i].Purpose, list[i].Bytes, list[i].CreatedAt, 0
	})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	s := program.Start(t, program.Options{Data: dir})
	walk(t, "space.mjs", s.URL+"/", "FIGURES="+string(uploadstest.Must(json.Marshal(figures))(t)))
}
