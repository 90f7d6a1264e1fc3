package uploads_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"uploadd/api"
	"uploadd/internal/uploads"
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
			uploadstest.Must(w.blobs.Put(t.Context(), "part_extra_ab", strings.NewReader("x")))(t)
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
		"wrong account": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE projects SET bytes = bytes - 2, files = files + 1`)
		}, "project default: its account does not say what it holds: it is off by 2 bytes, 0 reserved, -1 files and 0 uploads"},
		"wrong checksum of a block": {func(t *testing.T, w *world, part, path string) {
			w.sql(`UPDATE parts SET sums = x'00000000' WHERE id = '` + part + `'`)
		}, "part PART of FILE: the record's checksums of its blocks"},
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

// A range is as true as the whole: no byte of a damaged block is let go, and every
// other one is.
func TestDamagedBlock(t *testing.T) {
	const block = 256 << 10
	w := newWorld(t)
	data := uploadstest.Random(5, 3*block+7)
	u := w.create(int64(len(data)) + 3)
	part := w.add(u.ID, string(data))
	f := w.complete(u.ID, w.add(u.ID, "abc"), part)
	data = append([]byte("abc"), data...)
	path := uploadstest.Must(filepath.Glob(filepath.Join(w.dir, "blobs", "*", part)))(t)[0]
	blob := uploadstest.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer blob.Close()
	if _, err := blob.WriteAt([]byte{data[3+block+1000] ^ 4}, block+1000); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to int64 // of the file
		want     int64 // how far the reader gets
	}{
		{0, 3 + block, 3 + block},
		{0, int64(len(data)), 3 + block},
		{100, 3 + block, 3 + block},
		{3 + block, 3 + block + 1, 3 + block},
		{3 + block + 2000, 3 + block + 2001, 3 + block + 2000},
		{3 + 2*block - 1, 3 + 2*block + 1, 3 + 2*block - 1},
		{3 + 2*block, int64(len(data)), int64(len(data))},
		{3 + 3*block + 5, int64(len(data)), int64(len(data))},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r },
			iotest.OneByteReader,
			func(r io.Reader) io.Reader { return bufio.NewReaderSize(r, block) }, // as downloads do
		} {
			c := uploadstest.Must(w.api.OpenFile(t.Context(), f.ID))(t)
			uploadstest.Must(c.Seek(tt.from, io.SeekStart))(t)
			got, err := io.ReadAll(io.LimitReader(wrap(c), tt.to-tt.from))
			if want := data[tt.from:tt.want]; !bytes.Equal(got, want) || errors.Is(err, uploads.ErrCorrupt) != (tt.want < tt.to) {
				t.Errorf("bytes %d to %d: read %d, %v; want %d", tt.from, tt.to, len(got), err, len(want))
			}
			c.Close()
		}
	}
	// Cut at the border of a block after it was opened, it does not end early: it breaks.
	torn := uploadstest.Must(w.api.OpenFile(t.Context(), f.ID))(t)
	defer torn.Close()
	uploadstest.Must(io.ReadFull(torn, make([]byte, 5)))(t)
	fatal(t, blob.Truncate(block))
	if got, err := io.ReadAll(torn); 5+len(got) != 3+block || !errors.Is(err, uploads.ErrCorrupt) {
		t.Errorf("cut after it was opened: read %d bytes, %v", len(got), err)
	}
	fatal(t, os.WriteFile(path, data[3:], 0o600))
	uploadstest.Must(blob.WriteAt([]byte{data[3+1000] ^ 4}, 1000))(t)
	// Parts stored before blocks had checksums are held against that of the whole.
	w.sql(`UPDATE parts SET sums = NULL`)
	c := uploadstest.Must(w.api.OpenFile(t.Context(), f.ID))(t)
	defer c.Close()
	if got, err := io.ReadAll(c); len(got) >= len(data) || !errors.Is(err, uploads.ErrCorrupt) {
		t.Errorf("without checksums of blocks: read %d bytes of %d, %v", len(got), len(data), err)
	}
}

// Parts that do not stand where the one before ended are not served.
func TestDamagedOffsets(t *testing.T) {
	w := newWorld(t)
	u := w.create(9)
	f := w.complete(u.ID, w.add(u.ID, "abc"), w.add(u.ID, "def"), w.add(u.ID, "ghi"))
	w.sql(`UPDATE parts SET start = 2 WHERE start = 3`)
	if _, err := w.api.OpenFile(t.Context(), f.ID); !errors.Is(err, uploads.ErrCorrupt) {
		t.Errorf("a file whose parts overlap: %v", err)
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
