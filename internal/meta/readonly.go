package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// OpenSQLiteReadOnly opens the database for reading beside the server that
// writes it. Writes fail.
func OpenSQLiteReadOnly(path string) (*Store, error) {
	db, err := openSQLite(path, "query_only(ON)")
	if err != nil {
		return nil, err
	}
	if err := verifyVersion(db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	s := &Store{read: &statements{prepare: db.PrepareContext}, write: refuser{}, bulk: beginSQLite(db), ping: db.PingContext, close: db.Close}
	if _, err := s.completed(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return s, nil
}

var (
	// ErrVersion is a database of another version of this program.
	ErrVersion = errors.New("the database is of another version")
	// ErrEmpty is a database that no server has used yet.
	ErrEmpty = errors.New("the database is empty")
)

// verifyVersion refuses a schema that is not this program's, which only a server
// brings up to date.
func verifyVersion(db *sql.DB) error {
	want, err := schemaVersion(sqliteSchema, "sqlite")
	if err != nil {
		return err
	}
	var have int64
	if err := db.QueryRow(`SELECT MAX(version_id) FROM goose_db_version WHERE is_applied = 1`).Scan(&have); err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("%w: it has version %d, and this program reads version %d: start its server once, or use the program that made it", ErrVersion, have, want)
	}
	return nil
}

// refuser is the writer of a database opened for reading.
type refuser struct{}

func (refuser) write(context.Context, func(querier) error) error {
	return errors.New("the database is open for reading only")
}

func (r refuser) free(ctx context.Context, do func(querier) error) error { return r.write(ctx, do) }
