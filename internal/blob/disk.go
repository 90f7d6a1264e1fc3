// Package blob keeps bytes under keys: on a local disk, each in a file of its
// own. It knows nothing of what the bytes are.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Disk keeps blobs as files below a directory. No file is ever written twice.
type Disk struct {
	// Flushed, if not nil, is told how long Put took to flush a blob, its file and its
	// name, and whether it failed. It is set before the Disk is used, and called by many
	// goroutines at once.
	Flushed func(ctx context.Context, took time.Duration, err error)

	root    *os.Root
	dir     *os.File // the same, to ask for its free space
	reserve int64    // bytes that Put leaves free
}

// reserveMost is kept free so that the records of a deletion always find room:
// a disk that is full can then be emptied. On a small disk it is a twentieth.
const reserveMost = 64 << 20

// keyShape is what a key may look like. It is a file's name, never a path.
var keyShape = regexp.MustCompile(`^[a-z0-9_]{3,100}$`)

// OpenDisk opens the directory and makes it where it is missing, with the 256
// directories over which blobs are spread by the last two digits of their key.
func OpenDisk(dir string) (*Disk, error) {
	if err := MkdirAll(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	opened, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	d := &Disk{root: root, dir: opened}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Disk) prepare() error {
	made := false
	for i := range 256 {
		switch err := d.root.Mkdir(fmt.Sprintf("%02x", i), 0o700); {
		case err == nil:
			made = true
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	if made {
		if err := syncDir(d.root, "."); err != nil {
			return err
		}
	}
	s, err := spaceOf(d.dir)
	d.reserve = s.Reserve
	return err
}

// Close releases the directory.
func (d *Disk) Close() error { return errors.Join(d.dir.Close(), d.root.Close()) }

// Dir is the directory.
func (d *Disk) Dir() string { return d.root.Name() }

// path is where a key is kept, and the directory it is in.
func (d *Disk) path(key string) (dir, path string, err error) {
	if !keyShape.MatchString(key) {
		return "", "", fmt.Errorf("blob key %q: %w", key, fs.ErrInvalid)
	}
	dir = key[len(key)-2:]
	return dir, dir + "/" + key, nil
}

// Put stores all of r. When it returns nil the bytes and their name survive a
// loss of power. A full disk is syscall.ENOSPC.
func (d *Disk) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	dir, path, err := d.path(key)
	if err != nil {
		return 0, err
	}
	if err := d.room(); err != nil {
		return 0, err
	}
	f, err := d.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil { // space returns at once rather than with the janitor
			err = errors.Join(err, d.root.Remove(path))
		}
	}()
	// After a failed flush the kernel may have dropped the pages and would
	// report success the next time: the file is given up, never flushed again.
	size, err = fill(ctx, f, r, d.room)
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	began := time.Now()
	err = d.keep(f, dir)
	if d.Flushed != nil {
		d.Flushed(ctx, time.Since(began), err)
	}
	return size, err
}

// keep flushes a file that has been written, and then its name in dir.
func (d *Disk) keep(f *os.File, dir string) error {
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(d.root, dir)
}

// Open reads n bytes from off.
func (d *Disk) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	_, path, err := d.path(key)
	if err != nil {
		return nil, err
	}
	if _, err := d.Size(ctx, key); err != nil { // os.Root follows a link that stays within it
		return nil, err
	}
	// O_NONBLOCK: opening a FIFO that somebody planted must not wait.
	f, err := d.root.OpenFile(path, os.O_RDONLY|noFollow|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() < off+n) {
		err = short(key, info.Size(), off, n)
	}
	if err == nil && off > 0 {
		_, err = f.Seek(off, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Size is the length of a blob.
func (d *Disk) Size(_ context.Context, key string) (int64, error) {
	_, path, err := d.path(key)
	if err != nil {
		return 0, err
	}
	info, err := d.root.Lstat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("blob %s is not a regular file", key)
	}
	return info.Size(), nil
}

// Delete removes blobs and returns those that are gone, for good. A key that is
// not there is gone.
func (d *Disk) Delete(_ context.Context, keys []string) (gone []string, err error) {
	byDir := map[string][]string{}
	for _, key := range keys {
		dir, path, perr := d.path(key)
		if perr == nil {
			perr = d.root.Remove(path)
		}
		if perr != nil && !errors.Is(perr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("blob %s: %w", key, perr))
			continue
		}
		byDir[dir] = append(byDir[dir], key)
	}
	for dir, removed := range byDir {
		if serr := syncDir(d.root, dir); serr != nil {
			err = errors.Join(err, serr)
			continue
		}
		gone = append(gone, removed...)
	}
	return gone, err
}

// Keys lists what is in the directory, in no order: every key, and the path of
// whatever else is found there. It is for checking only; nothing is deleted
// because it is listed.
func (d *Disk) Keys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range 256 {
			dir := fmt.Sprintf("%02x", i)
			entries, err := fs.ReadDir(d.root.FS(), dir)
			if err != nil && !yield(dir, err) {
				return
			}
			for _, e := range entries {
				name := e.Name()
				if !keyShape.MatchString(name) || !strings.HasSuffix(name, dir) || !e.Type().IsRegular() {
					if !yield(dir+"/"+name, errors.New("not a blob")) {
						return
					}
				} else if !yield(name, nil) {
					return
				}
			}
		}
	}
}
