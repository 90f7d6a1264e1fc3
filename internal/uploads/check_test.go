package uploads_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// Every fault that can be planted is found and named, and no other.
func TestCheckFindsFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		plant func(t *testing.T, w *world, part, path string)
		want  string
	}{
		"nothing": {func(*testing.T, *world, string, string) {}, ""},
		"missing blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.Remove(path))
		}, "part PART of FILE: its bytes are missing"},
		"truncated blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.Truncate(path, 2))
		}, "part PART of FILE: 2 bytes are stored, and the record says 3"},
		"grown blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(path, []byte("defg"), 0o600))
		}, "part PART of FILE: 4 bytes are stored, and the record says 3"},
		"flipped bit": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(path, []byte("deg"), 0o600))
		}, "part PART of FILE: its bytes have checksum"},
		"extra blob": {func(t *testing.T, w *world, part, path string) {
			fatal(t, w.blobs.Put(t.Context(), "part_extra_ab", strings.NewReader("x")))
		}, "blob part_extra_ab: nothing refers to it"},
		"something else in its place": {func(t *testing.T, w *world, part, path string) {
			fatal(t, os.WriteFile(filepath.Join(filepath.Dir(path), "README.txt"), nil, 0o600))
		}, "README.txt: not a blob"},
		"missing part record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM parts WHERE id = '` + part + `'`)
		}, "file FILE: 1 of its 2 parts are recorded"},
		"missing file record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM files`)
		}, "part PART of FILE: there is no such record"},
		"missing upload record": {func(t *testing.T, w *world, part, path string) {
			w.sql(`DELETE FROM uploads WHERE status = 'pending'`)
		}, " of UPLOAD: there is no such record"},
		"parts in another order": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE parts SET position = position - 9; UPDATE parts SET position = 9 - position`)
		}, "file FILE: its part PART begins at byte 3 instead of 0"},
		"wrong checksum of the file": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE files SET crc32c = 1`)
		}, "file FILE: its parts have checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			open, done := w.create(3), w.create(6)
			w.add(open.ID, "xyz")
			p1, p2 := w.add(done.ID, "abc"), w.add(done.ID, "def")
			f := w.complete(done.ID, p1, p2)
			path := uploadstest.Must(filepath.Glob(filepath.Join(w.dir, "blobs", "*", p2)))(t)[0]
			tt.plant(t, w, p2, path)
			faults := strings.Join(w.faults(), "\n")
			want := strings.NewReplacer("PART", p2, "FILE", f.ID, "UPLOAD", open.ID).Replace(tt.want)
			if !strings.Contains(faults, want) || (want == "") != (faults == "") {
				t.Errorf("reported:\n%s\nwant:\n%s", faults, want)
			}
			// A download of what is damaged fails, or breaks off before its end.
			if strings.HasSuffix(name, "blob") && name != "extra blob" || name == "flipped bit" {
				c, err := w.api.OpenFile(t.Context(), f.ID)
				if err == nil {
					var got []byte
					got, err = io.ReadAll(c)
					c.Close()
					if err == nil || len(got) >= 6 {
						t.Errorf("read %q, %v", got, err)
					}
				}
				if err == nil {
					t.Error("a damaged file was opened and read")
				}
			}
		})
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The checksum of a whole, put together from those of its parts.
func TestCombinedChecksum(t *testing.T) {
	w := newWorld(t)
	data := uploadstest.Random(9, 1<<20)
	whole := w.create(int64(len(data)))
	one := w.complete(whole.ID, uploadstest.Must(w.api.AddPart(t.Context(), whole.ID, bytes.NewReader(data)))(t).ID)
	want := checksum(t, w.api, one.ID)
	for _, cuts := range [][]int{{1}, {1 << 19}, {3, 70_000, 70_001, 1<<20 - 1}} {
		u := w.create(int64(len(data)))
		var ids []string
		from := 0
		for _, to := range append(cuts, len(data)) {
			ids = append(ids, w.add(u.ID, string(data[from:to])))
			from = to
		}
		if got := checksum(t, w.api, w.complete(u.ID, ids...).ID); got != want {
			t.Errorf("cut at %v: %08x, want %08x", cuts, got, want)
		}
	}
}

func checksum(t testing.TB, a api.API, id string) uint32 {
	t.Helper()
	c := uploadstest.Must(a.OpenFile(t.Context(), id))(t)
	defer c.Close()
	sum, known := c.CRC32C()
	if !known {
		t.Error("the checksum is not known")
	}
	return sum
}
