package blob

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// What a crash and a loss of power leave of a new file is what was flushed: its
// bytes by a flush of the file, its name by a flush of the directory. Both are
// needed, in this order; as strace shows it, for a blob:
//
//	openat(dir, "ab/part_…ab", O_WRONLY|O_CREAT|O_EXCL) = 7
//	write(7, …) … fsync(7) = 0, close(7) = 0
//	openat(dir, "ab", O_RDONLY) = 8, fsync(8) = 0, close(8) = 0
//
// There is no temporary name and no rename: a blob's key is new, and no record
// refers to it before all of this has happened.

// syncDir flushes the names in a directory.
func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MkdirAll makes path, and its parents where they are missing, so that they
// survive a loss of power. Nobody but the owner may enter it.
func MkdirAll(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := MkdirAll(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return flush(parent)
}

// flush flushes a file's bytes, or the names in a directory.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Replace puts the file from in the place of the file to, in the same directory:
// after a loss of power there is the one or the other, whole.
func Replace(from, to string) error {
	if err := flush(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}
