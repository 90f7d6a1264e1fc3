package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

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

// A file system without writes past the cache takes the same bytes.
func TestDiskInMemory(t *testing.T) {
	uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs {
		dir, err := os.MkdirTemp("/dev/shm", "uploadd")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		d, err := OpenDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	})
}

// A key is a name, whatever anybody makes of it.
func TestDiskKeys(t *testing.T) {
	d, dir := openDisk(t)
	for _, key := range []string{"", "ab", "../../etc/passwd", "a/b", "part_\x00ab", "PART_AB", ".", "..", strings.Repeat("a", 101), "part_.ab"} {
		if _, err := d.Put(context.Background(), key, strings.NewReader("x")); !errors.Is(err, fs.ErrInvalid) {
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
		"symlink out": func() error { return os.Symlink(secret, path) },
		"symlink along": func() error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "aa", "other"), []byte("secret"), 0o600), os.Symlink("other", path))
		},
		"fifo":      func() error { return syscall.Mkfifo(path, 0o600) },
		"directory": func() error { return os.Mkdir(path, 0o700) },
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
		if _, err := d.Put(context.Background(), key, strings.NewReader("x")); err == nil {
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
		if _, err := d.Put(context.Background(), "part_ab", r); !errors.Is(err, cause) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Put(ctx, "part_ab", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	d.reserve = 1 << 62
	if _, err := d.Put(context.Background(), "part_ab", strings.NewReader("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// What cannot be deleted is not said to be gone, and holds up no other.
func TestDiskFailedDelete(t *testing.T) {
	d, dir := openDisk(t)
	if _, err := d.Put(context.Background(), "part_cd", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "ab", "part_ab", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	gone, err := d.Delete(context.Background(), []string{"part_ab", "part_cd"})
	if err == nil || len(gone) != 1 || gone[0] != "part_cd" {
		t.Errorf("gone: %v, %v", gone, err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestUntrusted(t *testing.T) {
	if name, err := Untrusted("/dev/shm"); err != nil || !strings.HasPrefix(name, "tmpfs") {
		t.Errorf("memory is trusted: %q, %v", name, err)
	}
	if name, err := Untrusted("/proc/self"); err != nil || name != "" {
		t.Errorf("not a disk, but nothing to warn of: %q, %v", name, err)
	}
	if _, err := Untrusted("/nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that does not exist: %v", err)
	}
}

func TestDiskKeysListed(t *testing.T) {
	d, dir := openDisk(t)
	for _, key := range []string{"part_ab", "part_cd"} {
		if _, err := d.Put(context.Background(), key, strings.NewReader("x")); err != nil {
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

// BenchmarkPut reports what taking bytes costs the processor, beside the same
// through the page cache with a buffer as large, and with io.Copy's.
func BenchmarkPut(b *testing.B) {
	d, dir := openDisk(b)
	var next atomic.Int64
	cached := func(buffer int) func(key string, r io.Reader) error {
		return func(key string, r io.Reader) error {
			f, err := os.OpenFile(filepath.Join(dir, key[len(key)-2:], key), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			_, err = io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, buffer))
			return errors.Join(err, f.Sync(), f.Close())
		}
	}
	for _, tt := range []struct {
		name string
		size int
		put  func(key string, r io.Reader) error
	}{
		{"64MiB/Disk", 64 << 20, func(key string, r io.Reader) error { _, err := d.Put(context.Background(), key, r); return err }},
		{"64MiB/cache,512KiB", 64 << 20, cached(512 << 10)},
		{"64MiB/cache,32KiB", 64 << 20, cached(32 << 10)},
		{"4KiB/Disk", 4 << 10, func(key string, r io.Reader) error { _, err := d.Put(context.Background(), key, r); return err }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			data := uploadstest.Random(1, tt.size)
			b.SetBytes(int64(tt.size))
			b.ReportAllocs()
			began := cpu(b)
			b.SetParallelism(2) // on two processors: four at a time
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					key := fmt.Sprintf("part_%032x", next.Add(1))
					if err := tt.put(key, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric((cpu(b)-began)/(float64(b.N)*float64(tt.size)/(1<<30)), "cpu-s/GiB")
		})
	}
}

// cpu is the processor's seconds that this process has had.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// A flush of a blob is told of, and that of one which did not come to it is not.
func TestFlushesAreToldOf(t *testing.T) {
	d, _ := openDisk(t)
	var told []error
	d.Flushed = func(_ context.Context, took time.Duration, err error) {
		if told = append(told, err); took <= 0 {
			t.Errorf("a flush took %s", took)
		}
	}
	if _, err := d.Put(t.Context(), uploadstest.Key(1), strings.NewReader("bytes")); err != nil || len(told) != 1 || told[0] != nil {
		t.Errorf("storing a blob: %v, and flushes %v", err, told)
	}
	if _, err := d.Put(t.Context(), uploadstest.Key(2), iotest.ErrReader(errors.New("the client left"))); err == nil || len(told) != 1 {
		t.Errorf("storing nothing: %v, and flushes %v", err, told)
	}
}
