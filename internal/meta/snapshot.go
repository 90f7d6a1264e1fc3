package meta

import (
	"context"
	"errors"
)

// SnapshotSQLite writes the database at path, which a server may be using, to a
// new file: all of it as it is at one moment. The caller flushes that file.
func SnapshotSQLite(ctx context.Context, path, to string) error {
	db, err := openSQLite(path, giveBack)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, to)
	return errors.Join(err, db.Close())
}

// Snapshot is the records as they are at one moment, whatever happens to them meanwhile.
// Writes fail. The database keeps what has changed since until it is closed, so that is
// to be soon. It is for one goroutine at a time.
func (s *Store) Snapshot(ctx context.Context) (*Store, error) {
	b, err := s.bulk(ctx, false)
	if err != nil {
		return nil, known(err)
	}
	return &Store{read: b, write: refuser{}, ping: s.ping, wall: s.wall, close: b.end}, nil
}
