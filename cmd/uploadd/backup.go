package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
)

type backupCmd struct {
	dataFlag
	To string `required:"" placeholder:"DIR" help:"Where the back-up is kept. A later one into the same place copies only what is new."`
}

// Run copies the records as they are at one moment, and then every blob that they
// refer to. Nothing is deleted from the data meanwhile, so all of those are there.
func (c *backupCmd) Run(env *environment) error {
	src, err := storeFlags{dataFlag: c.dataFlag}.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := openBackup(c.To, src.dir)
	if err != nil {
		return err
	}
	defer dst.Close()
	hold, err := holdDeletions(src.disk.Dir())
	if err != nil {
		return err
	}
	defer hold.Close() // which lets them go on

	done, err := dst.take(env, src)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%d parts: %d of %s copied, %d were there, %d faults\n",
		done.Parts, done.New, humanize.IBytes(uint64(done.Bytes)), done.Parts-done.New-done.Faults, done.Faults)
	if done.Faults > 0 {
		return errFaults
	}
	return nil
}

// backup is a directory that holds one, or will.
type backup struct {
	dir   string
	blobs *blob.Disk
	lock  *os.File // keeps servers and other back-ups out
}

// openBackup opens the directory, and makes it where it is missing. One that
// holds anything but a back-up is refused.
func openBackup(to, data string) (*backup, error) {
	dir, err := filepath.Abs(to)
	if err != nil {
		return nil, err
	}
	if within(dir, data) || within(data, dir) {
		return nil, fmt.Errorf("--to=%s: a back-up of %s must be kept outside of it", to, data)
	}
	if err := vacantOrBackup(dir); err != nil {
		return nil, err
	}
	if err := blob.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("the directory of the back-up: %w", err)
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	blobs, err := blob.OpenDisk(blobDir(dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the directory of the back-up: %w", err), lock.Close())
	}
	return &backup{dir: dir, blobs: blobs, lock: lock}, nil
}

// within says whether path is dir or below it, links resolved as far as they exist.
func within(path, dir string) bool {
	return strings.HasPrefix(resolved(path)+"/", resolved(dir)+"/")
}

func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
		return real
	}
	return filepath.Join(resolved(filepath.Dir(path)), filepath.Base(path))
}

func vacantOrBackup(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the directory of the back-up: %w", err)
	}
	ours := map[string]bool{"LOCK": true, "blobs": true,
		filepath.Base(database(dir)): true, filepath.Base(newDatabase(dir)): true, filepath.Base(newDatabase(dir)) + "-journal": true}
	for _, e := range entries {
		if !ours[e.Name()] {
			return fmt.Errorf("%s holds %s, so it is no back-up, or one that a server has been run on: choose another directory", dir, e.Name())
		}
	}
	return nil
}

// newDatabase is where the records are written before they take their place.
func newDatabase(dir string) string { return database(dir) + ".new" }

// take makes the back-up. Until the records take their place the one before
// stands, and what it refers to is not touched.
func (b *backup) take(env *environment, src *stores) (done uploads.Copied, err error) {
	path := newDatabase(b.dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	if err := meta.SnapshotSQLite(env.ctx, database(src.dir), path); err != nil {
		return done, fmt.Errorf("copying the records: %w", err)
	}
	records, err := meta.OpenSQLiteReadOnly(path)
	if err != nil {
		return done, err
	}
	defer records.Close()
	copier := uploads.Copier{Meta: records, From: src.blobs, To: besideRecords{b.blobs, records},
		Report: func(fault string) { fmt.Fprintln(env.stdout, fault) }}
	if done, err = copier.Copy(env.ctx); err != nil {
		return done, fmt.Errorf("copying the bytes: %w", err)
	}
	// A back-up that was killed may have left blobs that it had not flushed.
	if err := b.blobs.Flush(); err != nil {
		return done, fmt.Errorf("flushing the bytes: %w", err)
	}
	if err := blob.Replace(path, database(b.dir)); err != nil {
		return done, fmt.Errorf("putting the records in their place: %w", err)
	}
	return done, b.prune(env.ctx, records)
}

// prune removes the blobs of earlier back-ups that this one does not refer to.
func (b *backup) prune(ctx context.Context, records *meta.Store) error {
	var old []string
	for key, err := range b.blobs.Keys() {
		if err != nil {
			continue // not ours to remove; `check` names it
		}
		known, err := records.Known(ctx, key)
		if err != nil {
			return err
		}
		if !known {
			old = append(old, key)
		}
	}
	_, err := b.blobs.Delete(ctx, old)
	return err
}

// besideRecords is the blobs of a back-up whose records are there. What those hold of
// small blobs is read once, and so verified, and not stored again.
type besideRecords struct {
	*blob.Disk
	records *meta.Store
}

func (b besideRecords) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	if _, err := b.records.SmallSize(ctx, key); err == nil {
		return io.Copy(io.Discard, r)
	}
	return b.Disk.Put(ctx, key, r)
}

func (b besideRecords) Delete(ctx context.Context, keys []string) ([]string, error) {
	files := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, err := b.records.SmallSize(ctx, key)
		return err == nil
	})
	if _, err := b.Disk.Delete(ctx, files); err != nil {
		return nil, err
	}
	return keys, nil
}

func (b *backup) Close() error { return errors.Join(b.blobs.Close(), b.lock.Close()) }
