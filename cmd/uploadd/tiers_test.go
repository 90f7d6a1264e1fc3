package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func openTiers(t *testing.T, dir string) *stores {
	t.Helper()
	st := uploadstest.Must(storeFlags{dataFlag: dataFlag{Data: dir}}.open(t.Context()))(t)
	t.Cleanup(func() { st.Close() })
	return st
}

// The disk and the database together are a store like others.
func TestTiers(t *testing.T) {
	uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs { return openTiers(t, t.TempDir()).blobs })
}

// Where a blob is depends on its size alone. It is listed once, wherever it is, and
// deleted from there.
func TestTiersBorder(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	st := openTiers(t, dir)
	sizes := []int{0, 1, blob.SmallSize - 1, blob.SmallSize, blob.SmallSize + 1}
	var keys []string
	for i, n := range sizes {
		key := "part_" + strings.Repeat("0", i+1)
		keys = append(keys, key)
		if size, err := st.blobs.Put(ctx, key, bytes.NewReader(uploadstest.Random(1, n))); err != nil || size != int64(n) {
			t.Fatalf("%d bytes: put %d, %v", n, size, err)
		}
		files := uploadstest.Must(filepath.Glob(filepath.Join(dir, "blobs", "*", key)))(t)
		if isFile := len(files) == 1; isFile != (n >= blob.SmallSize) {
			t.Errorf("%d bytes: a file is %v", n, isFile)
		}
	}
	listed := func() (found []string) {
		for key, err := range st.keys() {
			if err != nil {
				t.Error(err)
			}
			found = append(found, key)
		}
		slices.Sort(found)
		return found
	}
	if found := listed(); !slices.Equal(found, keys) {
		t.Errorf("listed %v, want %v", found, keys)
	}
	gone := uploadstest.Must(st.blobs.Delete(ctx, append(slices.Clone(keys), "part_ff")))(t)
	if slices.Sort(gone); !slices.Equal(gone, append(slices.Clone(keys), "part_ff")) || len(listed()) > 0 {
		t.Errorf("gone %v, and left %v", gone, listed())
	}
}

// No small blob has a key that could not be that of a file.
func TestTiersKeys(t *testing.T) {
	st := openTiers(t, t.TempDir())
	for _, key := range []string{"", "../../etc/passwd", "PART_AB"} {
		if _, err := st.blobs.Put(context.Background(), key, strings.NewReader("x")); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", key, err)
		}
	}
}

// A check names small blobs that are missing, damaged, of another length or nobody's;
// a back-up names those that it cannot take, and takes the others, with the records.
func TestSmallDamage(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	var files []string
	for _, text := range []string{"missing", "damaged", "longer", "whole"} {
		f := uploadstest.Must(p.CreateFile(t.Context(), strings.NewReader(text), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
		}))(t)
		files = append(files, f.ID)
	}
	backup := t.TempDir()
	if code, out, _ := invoke(t, "backup", "--data", data, "--to", backup); code != 0 || !strings.HasPrefix(out, "4 parts: 4 of ") {
		t.Errorf("back-up: exit %d, %q", code, out)
	}
	for _, statement := range []string{
		`DELETE FROM small_blobs WHERE data = CAST('missing' AS BLOB)`,
		`UPDATE small_blobs SET data = CAST('damagee' AS BLOB) WHERE data = CAST('damaged' AS BLOB)`,
		`UPDATE small_blobs SET data = CAST('longer!' AS BLOB) WHERE data = CAST('longer' AS BLOB)`,
		`INSERT INTO small_blobs (key, data) VALUES ('part_aa', CAST('nobody' AS BLOB))`,
	} {
		change(t, data, statement)
	}
	code, out, _ := invoke(t, "check", "--read-data", "--data", data)
	if code != 1 || !strings.Contains(out, ": 4 faults") || !strings.Contains(out, "part_aa: nothing refers to it") {
		t.Errorf("check: exit %d, %q", code, out)
	}
	for _, id := range files[:3] {
		if !strings.Contains(out, " of "+id+": ") {
			t.Errorf("the check does not name %s: %q", id, out)
		}
		if c, err := p.OpenFile(t.Context(), id); err == nil {
			if b, err := io.ReadAll(c); err == nil {
				t.Errorf("a damaged file was read: %q", b)
			}
			c.Close()
		}
	}
	code, out, _ = invoke(t, "backup", "--data", data, "--to", t.TempDir())
	if code != 1 || !strings.Contains(out, "4 parts: 2 of ") || !strings.Contains(out, "2 faults") {
		t.Errorf("back-up of what is damaged: exit %d, %q", code, out)
	}
	// The one made before is whole, and can be served.
	if code, out, _ := invoke(t, "check", "--read-data", "--data", backup); code != 0 {
		t.Errorf("check of the back-up: exit %d, %q", code, out)
	}
	restored := t.TempDir()
	if err := os.CopyFS(filepath.Join(restored, "data"), os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	q := start(t, filepath.Join(restored, "data"))
	if got := uploadstest.Read(t, q, files[0]); string(got) != "missing" {
		t.Errorf("restored: %q", got)
	}
}

// Records know their blobs by one that is among the files: a directory of others is
// refused, though the small blobs are there.
func TestTiersPaired(t *testing.T) {
	data := t.TempDir()
	for _, tt := range []struct {
		blobs string
		want  error
	}{{"one", nil}, {"one", nil}, {"other", uploads.ErrStrangers}} {
		f := storeFlags{dataFlag: dataFlag{Data: data}, Blobs: filepath.Join(data, tt.blobs)}
		st := uploadstest.Must(f.open(t.Context()))(t)
		if err := uploads.Pair(t.Context(), st.meta, st.apart()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.blobs, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
