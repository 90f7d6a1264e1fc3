package uploadstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"uploadd/internal/uploads"
)

// Key returns the n-th of the keys that the suites use.
func Key(n int) string { return fmt.Sprintf("part_%032x", n) }

func key(n int) string { return Key(n) }

// promising is a source that promises more than it has.
type promising struct {
	*bytes.Reader
	more int
}

func (p *promising) AtMost() (int64, bool) { return int64(p.Len() + p.more), true }

// Passed says whether a test of a suite passed.
type Passed struct {
	Name string
	OK   bool
}

// TestBlobs holds a store of bytes to its contract. open returns an empty one.
func TestBlobs(t *testing.T, open func(*testing.T) uploads.Blobs) (results []Passed) {
	run := func(name string, test func(*testing.T)) {
		results = append(results, Passed{name, t.Run(name, test)})
	}
	ctx := context.Background()
	read := func(t *testing.T, b uploads.Blobs, key string, off, n int64) []byte {
		t.Helper()
		r := Must(b.Open(ctx, key, off, n))(t)
		defer r.Close()
		return Must(io.ReadAll(io.LimitReader(r, n)))(t)
	}

	run("What is put is read, whole and in ranges", func(t *testing.T) {
		b := open(t)
		for i, n := range []int{0, 1, 4095, 4096, 16 << 10, 64 << 10, 64<<10 + 1, 256 << 10,
			576 << 10, 576<<10 - 1, 576<<10 + 1, 576<<10 + 4096, 576<<10 + 4095, 1<<20 + 7, 2112 << 10} {
			data := Random(uint64(i), n)
			for j, r := range []io.Reader{
				bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data)),
			} {
				k := key(i*10 + j)
				put := Must(b.Put(ctx, k, r))(t)
				if size := Must(b.Size(ctx, k))(t); size != int64(n) || put != size {
					t.Errorf("size %d, and %d when it was put, want %d", size, put, n)
				}
				if !bytes.Equal(read(t, b, k, 0, int64(n)), data) {
					t.Errorf("%d bytes: not what was put", n)
				}
				if n > 2 {
					if got := read(t, b, k, 1, int64(n-2)); !bytes.Equal(got, data[1:n-1]) {
						t.Errorf("%d bytes: the range is not what was put", n)
					}
				}
			}
		}
	})

	run("What a source promised beyond its end may be behind it, as zeros", func(t *testing.T) {
		b := open(t)
		for i, n := range []int{0, 100, 64 << 10, 2 << 20, 2<<20 + 1} {
			data, k := Random(uint64(i), n), key(i)
			size := Must(b.Put(ctx, k, &promising{bytes.NewReader(data), 777}))(t)
			if stored := Must(b.Size(ctx, k))(t); stored != size || size < int64(n) || size > int64(n)+777 {
				t.Errorf("%d bytes: size %d, and %d when it was put", n, stored, size)
			}
			want := append(data, make([]byte, size-int64(n))...)
			if !bytes.Equal(read(t, b, k, 0, size), want) {
				t.Errorf("%d bytes: not what was put", n)
			}
		}
	})

	run("A range beyond the end is an error", func(t *testing.T) {
		b := open(t)
		if _, err := b.Put(ctx, key(1), strings.NewReader("abc")); err != nil {
			t.Fatal(err)
		}
		if r, err := b.Open(ctx, key(1), 2, 2); err == nil {
			_, err = io.ReadAll(r)
			r.Close()
			t.Errorf("bytes 2 to 4 of 3: no error before the end, %v at it", err)
		}
	})

	run("A missing key", func(t *testing.T) {
		b := open(t)
		if _, err := b.Open(ctx, key(1), 0, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open: %v", err)
		}
		if _, err := b.Size(ctx, key(1)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("size: %v", err)
		}
		if gone, err := b.Delete(ctx, []string{key(1)}); err != nil || !slices.Equal(gone, []string{key(1)}) {
			t.Errorf("delete: %v, %v", gone, err)
		}
	})

	run("Delete deletes what is named", func(t *testing.T) {
		b := open(t)
		var doomed []string
		for i := range 300 {
			if _, err := b.Put(ctx, key(i), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			if i%3 != 0 {
				doomed = append(doomed, key(i))
			}
		}
		gone, err := b.Delete(ctx, slices.Clone(doomed))
		slices.Sort(gone)
		if err != nil || !slices.Equal(gone, doomed) {
			t.Errorf("gone: %d keys of %d, %v", len(gone), len(doomed), err)
		}
		for i := range 300 {
			if _, err := b.Size(ctx, key(i)); errors.Is(err, fs.ErrNotExist) != (i%3 != 0) {
				t.Errorf("key %d: %v", i, err)
			}
		}
	})

	run("An error of the source is returned", func(t *testing.T) {
		b := open(t)
		cause := errors.New("cut off")
		_, err := b.Put(ctx, key(1), io.MultiReader(bytes.NewReader(Random(1, 300_000)), iotest.ErrReader(cause)))
		if !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
		// Whether the key exists is not promised, but deleting it works.
		if _, err := b.Delete(ctx, []string{key(1)}); err != nil {
			t.Error(err)
		}
	})

	run("No key is written twice", func(t *testing.T) {
		b := open(t)
		if _, err := b.Put(ctx, key(1), strings.NewReader("first")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(ctx, key(1), strings.NewReader("other")); err == nil {
			t.Error("a second Put succeeded")
		}
		if got := read(t, b, key(1), 0, 5); string(got) != "first" {
			t.Errorf("read %q", got)
		}
	})

	run("Many at once", func(t *testing.T) {
		b := open(t)
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				data := Random(uint64(i), 200_000+i)
				if _, err := b.Put(ctx, key(i), bytes.NewReader(data)); err != nil {
					t.Error(err)
					return
				}
				r, err := b.Open(ctx, key(i), 0, int64(len(data)))
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Close()
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
					t.Errorf("blob %d: not what was put (%v)", i, err)
				}
			})
		}
		wg.Wait()
	})
	return results
}
