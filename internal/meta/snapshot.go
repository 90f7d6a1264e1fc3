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
