package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
)

// dataFlag is shared by all commands that touch the data.
type dataFlag struct {
	Data string `default:"./uploadd-data" placeholder:"DIR" help:"Where everything is kept (${default})."`
}

// stores is an opened data directory.
type stores struct {
	dir   string // absolute
	meta  *meta.Store
	blobs *blob.Disk
	lock  *os.File // nil when opened beside a server
}

// shortly is how long to wait for commands that have the data directory for a moment.
const shortly = 5 * time.Second

// open opens the data directory, makes it where it is missing, and locks it: a
// second server on the same directory is refused.
func (d dataFlag) open(ctx context.Context) (*stores, error) {
	for end := time.Now().Add(shortly); ; time.Sleep(50 * time.Millisecond) {
		st, err := d.tryOpen(ctx)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) || ctx.Err() != nil {
			return st, err
		}
	}
}

func (d dataFlag) tryOpen(ctx context.Context) (*stores, error) {
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return nil, err
	}
	if err := blob.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("the data directory: %w", err)
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	s, err := openStores(dir, func(path string) (*meta.Store, error) { return meta.OpenSQLite(ctx, path) })
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

// lockDirectory keeps every other server out of dir until the file is closed.
func lockDirectory(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another uploadd: stop it, or choose another directory with --data (%w)", dir, err)
	}
	return lock, nil
}

// holdDeletions keeps every janitor from deleting blobs in dir until the file is
// closed, if only by the end of the process. It waits for one that is at it. The
// lock is on the directory itself: a full disk has no room for a new file.
func holdDeletions(dir string) (*os.File, error) {
	f, err := os.Open(blobDir(dir))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		return nil, errors.Join(fmt.Errorf("holding up deletions: %w", err), f.Close())
	}
	return f, nil
}

// mayDelete asks whether nobody holds deletions up, and keeps others from doing
// so until release is called. release is nil while somebody does.
func (s *stores) mayDelete() (release func(), err error) {
	f, err := os.Open(blobDir(s.dir))
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, f.Close()
	case err != nil:
		return nil, errors.Join(fmt.Errorf("asking whether blobs may be deleted: %w", err), f.Close())
	}
	return func() { f.Close() }, nil
}

// errNoData says that a directory is not one of uploadd's.
var errNoData = errors.New("holds no data of uploadd")

// openBeside opens a data directory that exists, and that a server may be using.
func (d dataFlag) openBeside(records func(path string) (*meta.Store, error)) (*stores, error) {
	dir, err := filepath.Abs(d.Data)
	if err != nil {
		return nil, err
	}
	for _, path := range []string{database(dir), blobDir(dir)} { // opening would make what is missing
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s %w (%s is missing): name the server's directory with --data", dir, errNoData, filepath.Base(path))
		} else if err != nil {
			return nil, err
		}
	}
	return openStores(dir, records)
}

// openForChange opens a data directory that exists for a small change of the records:
// by itself, or beside the server that has it.
func (d dataFlag) openForChange(ctx context.Context) (*stores, error) {
	if _, err := os.Stat(database(d.Data)); errors.Is(err, fs.ErrNotExist) {
		dir, err := filepath.Abs(d.Data)
		return nil, errors.Join(fmt.Errorf("%s %w: name the server's directory with --data", dir, errNoData), err)
	}
	return d.openOrMake(ctx)
}

// openOrMake is openForChange, and makes a directory that does not exist.
func (d dataFlag) openOrMake(ctx context.Context) (st *stores, err error) {
	for end := time.Now().Add(shortly); ; time.Sleep(50 * time.Millisecond) {
		if st, err = d.tryOpen(ctx); errors.Is(err, syscall.EWOULDBLOCK) {
			st, err = d.openBeside(besideServer(ctx))
		}
		// Another command may be making the directory just now.
		making := errors.Is(err, errNoData) || errors.Is(err, meta.ErrVersion)
		if !making || time.Now().After(end) || ctx.Err() != nil {
			return st, err
		}
	}
}

// besideServer opens a database that a server may have. One of another version must
// not be brought to ours under the server's feet.
func besideServer(ctx context.Context) func(path string) (*meta.Store, error) {
	return func(path string) (*meta.Store, error) {
		if same, err := meta.OpenSQLiteReadOnly(path); err != nil {
			return nil, err
		} else if err := same.Close(); err != nil {
			return nil, err
		}
		return meta.OpenSQLite(ctx, path)
	}
}

// openForReading opens the data directory, beside a server if there is one.
func (d dataFlag) openForReading() (*stores, error) { return d.openBeside(meta.OpenSQLiteReadOnly) }

func database(dir string) string { return filepath.Join(dir, "uploadd.db") }
func blobDir(dir string) string  { return filepath.Join(dir, "blobs") }

func openStores(dir string, records func(path string) (*meta.Store, error)) (*stores, error) {
	blobs, err := blob.OpenDisk(blobDir(dir))
	if err != nil {
		return nil, fmt.Errorf("the directory of blobs: %w", err)
	}
	m, err := records(database(dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the database of records: %w", err), blobs.Close())
	}
	return &stores{dir: dir, meta: m, blobs: blobs}, nil
}

func (s *stores) Close() error {
	err := errors.Join(s.meta.Close(), s.blobs.Close())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close()) // which unlocks
	}
	return err
}

var typeOfSize = reflect.TypeFor[size]()

// decodeSize reads a size of the command line.
func decodeSize(c *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := c.Scan.PopValueInto("size", &text); err != nil {
		return err
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("'%s' is not a size: write it like 64MiB", text)
	}
	target.SetInt(int64(n))
	return nil
}
