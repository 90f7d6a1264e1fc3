package meta

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"uploadd/internal/uploads"
)

// known says what an error of the database means to the domain.
func known(err error) error {
	if err == nil || errors.Is(err, uploads.ErrUnavailable) { // it has been said
		return err
	}
	code, ok := sqliteCode(err)
	if !ok {
		return knownToPostgres(err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", uploads.ErrUnavailable, err)
	}
	return err
}

// lacksRoom says whether room on the disk may be what err is about. SQLite tells
// ENOSPC apart in a write; it does not tell a quota, nor why a file beside the
// database could not be made or grow.
func lacksRoom(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_FULL || code&0xff == sqlite3.SQLITE_CANTOPEN ||
		code == sqlite3.SQLITE_IOERR_WRITE || code == sqlite3.SQLITE_IOERR_SHMSIZE || code == sqlite3.SQLITE_IOERR_SHMOPEN)
}

// flushFailed says whether nobody knows any more what of the log is on the disk.
func flushFailed(err error) bool {
	code, _ := sqliteCode(err)
	return code == sqlite3.SQLITE_IOERR_FSYNC || code == sqlite3.SQLITE_IOERR_DIR_FSYNC
}

func sqliteCode(err error) (code int, ok bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code(), true
}
