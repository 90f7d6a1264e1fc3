package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// TrySQLite makes a database at path with the settings that durability rests on, and
// fails where they are not in force. The caller removes it.
func TrySQLite(ctx context.Context, path string) error {
	db, err := openSQLite(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := verifyDurable(ctx, conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `CREATE TABLE tried (n INTEGER); INSERT INTO tried VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// SQLiteState is what a database looks like beside the server that has it.
type SQLiteState struct {
	Library    string // the version of SQLite
	Journal    string // its mode
	Have, Want int64  // versions of the schema: the database's, and this program's
	Bytes      int64
	LogBytes   int64 // of the log that has not been brought into it
}

// InspectSQLite looks at the database at path, and changes nothing. A file that is
// missing is fs.ErrNotExist.
func InspectSQLite(ctx context.Context, path string) (s SQLiteState, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	s.Bytes = info.Size()
	switch log, err := os.Stat(path + "-wal"); {
	case err == nil:
		s.LogBytes = log.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	if s.Want, err = schemaVersion(sqliteSchema, "sqlite"); err != nil {
		return s, err
	}
	return s, withReadOnly(path, func(db *sql.DB) error {
		return errors.Join(
			db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&s.Library),
			db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&s.Journal),
			db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied = 1`).Scan(&s.Have))
	})
}

// VerifySQLite reads the whole database at path, and returns what is wrong in it.
func VerifySQLite(ctx context.Context, path string) error {
	return withReadOnly(path, func(db *sql.DB) error {
		var answer string
		err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&answer)
		if err == nil && answer != "ok" {
			err = errors.New(answer)
		}
		return err
	})
}

func withReadOnly(path string, look func(*sql.DB) error) error {
	db, err := openSQLite(path, "query_only(ON)")
	if err != nil {
		return err
	}
	if err := look(db); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db.Close()
}
