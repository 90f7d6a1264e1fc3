package meta

import (
	"context"
	"iter"
	"slices"
)

// Small blobs are rows of the database: their bytes reach the disk with the flush
// that many steps share, where a file of their own would need two flushes for itself.
// The methods are those that blob.Tiers needs.

// PutSmall stores a blob. When it returns nil the bytes survive a loss of power.
func (s *Store) PutSmall(ctx context.Context, key string, data []byte) error {
	return s.write.write(ctx, func(q querier) error {
		_, err := q.exec(ctx, `INSERT INTO small_blobs (key, data) VALUES ($1, $2)`, key, data)
		return err
	})
}

// Small returns the bytes of a blob. A missing key is fs.ErrNotExist.
func (s *Store) Small(ctx context.Context, key string) ([]byte, error) {
	rows, err := s.read.query(ctx, `SELECT data FROM small_blobs WHERE key = $1`, key)
	data, err := one(scanBytes, rows, err)
	if err != nil {
		return nil, err
	}
	return *data, nil
}

// SmallSize is the length of a blob. A missing key is fs.ErrNotExist.
func (s *Store) SmallSize(ctx context.Context, key string) (int64, error) {
	rows, err := s.read.query(ctx, `SELECT LENGTH(data) FROM small_blobs WHERE key = $1`, key)
	n, err := one(scanInt, rows, err)
	if err != nil {
		return 0, err
	}
	return *n, nil
}

// DeleteSmall removes blobs, for good, and returns their keys, and the others, under
// which there was none. An error concerns only keys that are among neither.
func (s *Store) DeleteSmall(ctx context.Context, keys []string) (gone, others []string, err error) {
	for some := range slices.Chunk(keys, deletedAtOnce) {
		var there, missing []string
		err := s.write.free(ctx, func(q querier) (err error) {
			there, missing, err = deleteSmall(ctx, q, some)
			return err
		})
		if err != nil {
			return gone, others, err
		}
		gone, others = append(gone, there...), append(others, missing...)
	}
	return gone, others, nil
}

const (
	// deletedAtOnce small blobs are deleted in a step, which must find room in the log
	// on a disk that is full.
	deletedAtOnce = 100
	// pagesOfDeleted is how many pages they have at most.
	pagesOfDeleted = "600"
)

func deleteSmall(ctx context.Context, q querier, keys []string) (gone, others []string, err error) {
	for _, key := range keys {
		n, err := q.exec(ctx, `DELETE FROM small_blobs WHERE key = $1`, key)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			others = append(others, key)
		} else {
			gone = append(gone, key)
		}
	}
	if len(gone) > 0 {
		_, err = q.exec(ctx, `PRAGMA incremental_vacuum(`+pagesOfDeleted+`)`)
	}
	return gone, others, err
}

// giveBack lets pages of the database that nothing is in any more go back to the file
// system, when they are asked to. By itself SQLite keeps them for what it stores next,
// and a disk that is full of small blobs would stay so when they are deleted. A
// database of an earlier version does keep them; a back-up of it does not.
const giveBack = "auto_vacuum(INCREMENTAL)"

// SmallKeys lists the keys of all blobs, in their order.
func (s *Store) SmallKeys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after := ""; ; {
			rows, err := s.read.query(context.Background(), `SELECT key FROM small_blobs WHERE key > $1 ORDER BY key LIMIT 1000`, after)
			keys, err := all(scanString, rows, err)
			if err != nil {
				yield("small blobs", err)
				return
			}
			if len(keys) == 0 {
				return
			}
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
			after = keys[len(keys)-1]
		}
	}
}

func scanBytes(rows result, b *[]byte) error { return rows.Scan(b) }
