package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// Small keeps small blobs, whole: the database of records does. What it has stored
// survives a loss of power, as what Disk has.
type Small interface {
	// PutSmall stores a blob.
	PutSmall(ctx context.Context, key string, data []byte) error
	// Small returns the bytes of a blob. A missing key is fs.ErrNotExist.
	Small(ctx context.Context, key string) ([]byte, error)
	// SmallSize is the length of a blob. A missing key is fs.ErrNotExist.
	SmallSize(ctx context.Context, key string) (int64, error)
	// DeleteSmall removes blobs, for good, and returns their keys, and the others, of
	// which it had none. An error concerns only keys that are among neither.
	DeleteSmall(ctx context.Context, keys []string) (gone, others []string, err error)
	// SmallKeys lists all keys.
	SmallKeys() iter.Seq2[string, error]
}

// Tiers keeps blobs of less than SmallSize bytes in one store and the others on a
// disk: a file costs two flushes of the disk and an inode, however little is in it.
type Tiers struct {
	*Disk
	Small Small
}

// SmallSize is how many bytes a blob has at least that is a file of its own. It is what
// a part's reader holds of it anyway.
const SmallSize = smallBuffer

// Put stores all of r. When it returns nil the bytes and their name survive a loss of
// power. A full disk is syscall.ENOSPC.
func (t Tiers) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	head := make([]byte, SmallSize)
	n, err := io.ReadFull(r, head)
	switch err {
	case nil:
		return t.Disk.Put(ctx, key, io.MultiReader(bytes.NewReader(head), r))
	case io.EOF, io.ErrUnexpectedEOF: // ReadFull's word for an EOF in mid-buffer
	default:
		return 0, err
	}
	if _, _, err := t.path(key); err != nil {
		return 0, err
	}
	if err := t.room(); err != nil {
		return 0, err
	}
	return int64(n), t.Small.PutSmall(ctx, key, head[:n])
}

// Open reads n bytes from off.
func (t Tiers) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	f, err := t.Disk.Open(ctx, key, off, n)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	data, err := t.Small.Small(ctx, key)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < off+n {
		return nil, short(key, int64(len(data)), off, n)
	}
	return io.NopCloser(bytes.NewReader(data[off : off+n])), nil
}

// short is the error of a blob that ends before what is to be read of it.
func short(key string, size, off, n int64) error {
	return fmt.Errorf("blob %s has %d bytes, and %d were to be read from %d: %w", key, size, n, off, io.ErrUnexpectedEOF)
}

// Size is the length of a blob.
func (t Tiers) Size(ctx context.Context, key string) (int64, error) {
	n, err := t.Disk.Size(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return t.Small.SmallSize(ctx, key)
	}
	return n, err
}

// Delete removes blobs and returns those that are gone, for good. A key that is not
// there is gone.
func (t Tiers) Delete(ctx context.Context, keys []string) (gone []string, err error) {
	gone, others, err := t.Small.DeleteSmall(ctx, keys)
	files, ferr := t.Disk.Delete(ctx, others)
	return append(gone, files...), errors.Join(err, ferr)
}

// Keys lists what is kept: see [Disk.Keys].
func (t Tiers) Keys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, keys := range []iter.Seq2[string, error]{t.Disk.Keys(), t.Small.SmallKeys()} {
			for key, err := range keys {
				if !yield(key, err) {
					return
				}
			}
		}
	}
}
