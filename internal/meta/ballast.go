package meta

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ballast is space that is held so that it can be given up: two files of real
// blocks beside the database. On a disk that is full to the last byte a deletion
// could not be recorded, and nothing could ever be deleted. There are two,
// because SQLite keeps two files beside its database, and the disk may be short
// of inodes instead.
type ballast struct {
	dir   string
	files []string
	size  int64 // of each
}

const (
	ballastMost  = 16 << 20
	ballastShare = 32 // the part of a small disk that it may be
)

// newBallast describes the ballast of a database, and makes nothing yet. Where
// the size of the disk is not to be had, its files are empty.
func newBallast(database string) *ballast {
	b := &ballast{dir: filepath.Dir(database)}
	for i := range 2 {
		b.files = append(b.files, database+"-ballast"+strconv.Itoa(i+1))
	}
	if total, _, err := spaceOf(b.dir); err == nil {
		b.size = min(ballastMost, total/ballastShare) / int64(len(b.files))
	}
	return b
}

// release gives the space up. Errors do not matter: what could not be given up
// is missing, and the write that needs it says so.
func (b *ballast) release() {
	for _, path := range b.files {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		// ext4 gives blocks to others only when its journal has said that they
		// are free, for which the flush waits.
		_ = errors.Join(f.Truncate(0), f.Sync(), f.Close(), os.Remove(path))
	}
}

// refill takes the space again, if the disk has it twice over, and reports
// whether the disk has room. A ballast that fails for another reason than room
// is done without.
func (b *ballast) refill() (room bool) {
	missing := false
	for _, path := range b.files {
		info, err := os.Stat(path)
		missing = missing || err != nil || info.Size() != b.size
	}
	if !missing {
		return true
	}
	if _, free, err := spaceOf(b.dir); err == nil && free < 2*b.size*int64(len(b.files)) {
		return false
	}
	for _, path := range b.files {
		if err := b.fill(path); err != nil {
			b.release()
			return !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT)
		}
	}
	return true
}

func (b *ballast) fill(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(allocate(f, b.size), f.Close())
}

// zeros makes f n bytes long by writing them.
func zeros(f *os.File, n int64) error {
	buf := make([]byte, 64<<10)
	for n > 0 {
		m, err := f.Write(buf[:min(n, int64(len(buf)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return f.Sync() // or the blocks would not be chosen yet
}
