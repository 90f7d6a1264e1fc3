package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
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
	"uploadd/internal/uploads"
)

// dataFlag names the directory that everything is in, unless storeFlags say otherwise.
type dataFlag struct {
	Data string `default:"./uploadd-data" placeholder:"DIR" help:"Where everything is kept that is kept nowhere else (${default})."`
}

// stores is where everything is kept, opened.
type stores struct {
	dir   string // the data directory, absolute; it need not exist where all is elsewhere
	meta  *meta.Store
	blobs blobStore
	disk  *blob.Disk // where blobs has its files, if it is on one
	// settle is how long after a Put was given up its bytes may still appear.
	settle time.Duration
	lock   *os.File // nil when opened beside a server, or when others may use the stores too

	// What keeps the records and the bytes, for people to read.
	metaName, blobsName string
}

// blobStore is a store of blobs with its end.
type blobStore interface {
	uploads.Blobs
	Close() error
}

// shortly is how long to wait for commands that have the data directory for a moment.
const shortly = 5 * time.Second

// role is what the stores are opened for.
type role struct {
	sqlite, postgres func(ctx context.Context, where string) (*meta.Store, error)
}

var (
	asServer = role{meta.OpenSQLite, meta.OpenPostgres}
	asTarget = role{meta.OpenSQLiteTarget, meta.OpenPostgresTarget}
)

// open opens the data directory, makes it where it is missing, and locks it: a
// second server on the same directory is refused.
func (f storeFlags) open(ctx context.Context) (*stores, error) { return f.openAs(ctx, asServer) }

func (f storeFlags) openAs(ctx context.Context, r role) (*stores, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if f.Meta != "" {
		return f.openShared(ctx, r.postgres)
	}
	for end := time.Now().Add(shortly); ; time.Sleep(50 * time.Millisecond) {
		st, err := f.tryOpen(ctx, r)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) || ctx.Err() != nil {
			return st, err
		}
	}
}

func (f storeFlags) tryOpen(ctx context.Context, r role) (*stores, error) {
	dir, err := filepath.Abs(f.Data)
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
	s, err := f.openStores(ctx, dir, func(path string) (*meta.Store, error) { return r.sqlite(ctx, path) })
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
	if err := flock(lock, exclusive|atOnce); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another uploadd: stop it, or choose another directory with --data (%w)", dir, err)
	}
	return lock, nil
}

// holdDeletions keeps every janitor from deleting blobs in a directory of them until
// the file is closed, if only by the end of the process. It waits for one that is at
// it. The lock is on the directory itself: a full disk has no room for a new file.
func holdDeletions(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock(f, shared); err != nil {
		return nil, errors.Join(fmt.Errorf("holding up deletions: %w", err), f.Close())
	}
	return f, nil
}

// mayDelete asks whether nobody holds deletions up, and keeps others from doing
// so until release is called. release is nil while somebody does.
func (s *stores) mayDelete() (release func(), err error) {
	if s.disk == nil { // nobody can
		return func() {}, nil
	}
	f, err := os.Open(s.disk.Dir())
	if err != nil {
		return nil, err
	}
	switch err := flock(f, exclusive|atOnce); {
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
func (f storeFlags) openBeside(ctx context.Context, records func(path string) (*meta.Store, error)) (*stores, error) {
	dir, err := filepath.Abs(f.Data)
	if err != nil {
		return nil, err
	}
	needed := []string{database(dir)}
	if f.Blobs == "" {
		needed = append(needed, blobDir(dir))
	}
	for _, path := range needed { // opening would make what is missing
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s %w (%s is missing): name the server's directory with --data", dir, errNoData, filepath.Base(path))
		} else if err != nil {
			return nil, err
		}
	}
	return f.openStores(ctx, dir, records)
}

// openForChange opens a data directory that exists for a small change of the records:
// by itself, or beside the server that has it.
func (f storeFlags) openForChange(ctx context.Context) (*stores, error) {
	if _, err := os.Stat(database(f.Data)); f.Meta == "" && errors.Is(err, fs.ErrNotExist) {
		dir, err := filepath.Abs(f.Data)
		return nil, errors.Join(fmt.Errorf("%s %w: name the server's directory with --data", dir, errNoData), err)
	}
	return f.openOrMake(ctx)
}

// openOrMake is openForChange, and makes a directory that does not exist.
func (f storeFlags) openOrMake(ctx context.Context) (st *stores, err error) {
	if f.Meta != "" {
		return f.open(ctx)
	}
	for end := time.Now().Add(shortly); ; time.Sleep(50 * time.Millisecond) {
		if st, err = f.tryOpen(ctx, asServer); errors.Is(err, syscall.EWOULDBLOCK) {
			st, err = f.openBeside(ctx, besideServer(ctx))
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

// openForReading opens the stores, beside servers if there are any.
func (f storeFlags) openForReading(ctx context.Context) (*stores, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if f.Meta != "" {
		return f.openShared(ctx, meta.OpenPostgresReadOnly)
	}
	return f.openBeside(ctx, meta.OpenSQLiteReadOnly)
}

func database(dir string) string { return filepath.Join(dir, "uploadd.db") }
func blobDir(dir string) string  { return filepath.Join(dir, "blobs") }

func (f storeFlags) openStores(ctx context.Context, dir string, records func(path string) (*meta.Store, error)) (*stores, error) {
	s := &stores{dir: dir, metaName: dir, blobsName: dir}
	if err := f.openBlobs(ctx, s); err != nil {
		return nil, err
	}
	m, err := records(database(dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the database of records: %w", err), s.blobs.Close())
	}
	s.meta = m
	if s.disk != nil {
		s.blobs = blob.Tiers{Disk: s.disk, Small: m}
	}
	return s, nil
}

func (s *stores) Close() error {
	err := errors.Join(s.meta.Close(), s.blobs.Close())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close()) // which unlocks
	}
	return err
}

// now is the time by which what is kept here lives and ends: that of the database, if
// others share it.
func (s *stores) now() time.Time {
	if wall := s.meta.Wall(); wall != nil {
		return wall()
	}
	return time.Now()
}

// apart is what keeps the blobs that are not with the records.
func (s *stores) apart() uploads.Blobs {
	if s.disk != nil {
		return s.disk
	}
	return s.blobs
}

// keys lists all blobs, nil where they are not listed.
func (s *stores) keys() iter.Seq2[string, error] {
	if l, ok := s.blobs.(interface {
		Keys() iter.Seq2[string, error]
	}); ok {
		return l.Keys()
	}
	return nil
}

// String says where everything is kept.
func (s *stores) String() string {
	if s.metaName == s.blobsName {
		return "its data in " + s.metaName
	}
	return "its records in " + s.metaName + " and its bytes in " + s.blobsName
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
