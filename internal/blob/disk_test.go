package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func openDisk(t testing.TB) (*Disk, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	d, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, dir
}

func TestDisk(t *testing.T) {
	uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs {
		d, _ := openDisk(t)
		return d
	})
}

// A key is a name, whatever anybody makes of it.
func TestDiskKeys(t *testing.T) {
	d, dir := openDisk(t)
	for _, key := range []string{"", "ab", "../../etc/passwd", "a/b", "part_\x00ab", "PART_AB", ".", "..", strings.Repeat("a", 101), "part_.ab"} {
		if err := d.Put(context.Background(), key, strings.NewReader("x")); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", key, err)
		}
		if _, err := d.Open(context.Background(), key, 0, 1); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("open %q: %v", key, err)
		}
		if gone, err := d.Delete(context.Background(), []string{key}); err == nil || len(gone) != 0 {
			t.Errorf("delete %q: %v, %v", key, gone, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 0 {
		t.Errorf("files were made: %v, %v", files, err)
	}
}

// Somebody plants links and devices where blobs would be.
func TestDiskPlanted(t *testing.T) {
	d, dir := openDisk(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "part_000000000000000000000000000000aa"
	path := filepath.Join(dir, "aa", key)
	for name, plant := range map[string]func() error{
		"symlink out":   func() error { return os.Symlink(secret, path) },
		"symlink along": func() error { return os.Symlink("other", path) },
		"fifo":          func() error { return syscall.Mkfifo(path, 0o600) },
		"directory":     func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Open(context.Background(), key, 0, 0); err == nil {
			b, _ := io.ReadAll(r)
			r.Close()
			t.Errorf("%s: opened, and read %q", name, b)
		}
		if _, err := d.Size(context.Background(), key); err == nil {
			t.Errorf("%s: has a size", name)
		}
		if err := d.Put(context.Background(), key, strings.NewReader("x")); err == nil {
			t.Errorf("%s: written through", name)
		}
		os.Remove(path)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("the secret is now %q, %v", b, err)
	}
}

// A failed Put leaves no file behind.
func TestDiskFailedPut(t *testing.T) {
	d, dir := openDisk(t)
	cause := errors.New("cut off")
	for _, n := range []int{0, 1, 16 << 10, 100_000, 1 << 20} {
		r := io.MultiReader(bytes.NewReader(make([]byte, n)), &failing{cause})
		if err := d.Put(context.Background(), "part_ab", r); !errors.Is(err, cause) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Put(ctx, "part_ab", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	d.reserve = 1 << 62
	if err := d.Put(context.Background(), "part_ab", strings.NewReader("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestDiskKeysListed(t *testing.T) {
	d, dir := openDisk(t)
	for _, key := range []string{"part_ab", "part_cd"} {
		if err := d.Put(context.Background(), key, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ab", "part_cd"), nil, 0o600); err != nil { // in the wrong place
		t.Fatal(err)
	}
	var keys, odd []string
	for key, err := range d.Keys() {
		if err != nil {
			odd = append(odd, key)
		} else {
			keys = append(keys, key)
		}
	}
	if strings.Join(keys, " ") != "part_ab part_cd" || strings.Join(odd, " ") != "ab/part_cd" {
		t.Errorf("keys %v, odd ones %v", keys, odd)
	}
}

func BenchmarkDiskPut(b *testing.B) {
	for name, n := range map[string]int{"4KiB": 4 << 10, "64MiB": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			d, _ := openDisk(b)
			data := uploadstest.Random(1, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := "part_" + strings.Repeat("0", 30) + string("0123456789abcdef"[i/16%16]) + string("0123456789abcdef"[i%16])
				if err := d.Put(context.Background(), key, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
					b.Fatal(err)
				}
				if _, err := d.Delete(context.Background(), []string{key}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
