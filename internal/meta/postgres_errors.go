package meta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"uploadd/internal/uploads"
)

// Codes of PostgreSQL, of its documentation's appendix A.
const (
	diskFull              = "53100"
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
	idleTimeout           = "25P03"
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
	lockNotAvailable      = "55P03"
	queryCanceled         = "57014"
	undefinedTable        = "42P01"
	noSuchCharacter       = "22021"
)

// code is that of an error that the database itself gave, "" for others.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// passes says whether a step that failed may succeed when it is tried again.
func passes(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if errors.Is(err, errLost) {
		return true
	}
	switch c := code(err); c {
	case readOnlyTransaction, idleTimeout, serializationFailure, deadlockDetected, lockNotAvailable:
		return true
	default:
		return isClass(c, "08", "53", "57") && c != diskFull && c != queryCanceled
	}
}

// isClass says whether a code is of one of the classes: 08 is the connection, 53 a
// lack of resources, 57 an operator at work.
func isClass(code string, classes ...string) bool {
	for _, class := range classes {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// knownToPostgres is known for errors of PostgreSQL and of the way to it.
func knownToPostgres(err error) error {
	switch c := code(err); {
	case c == diskFull:
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case passes(err), isClass(c, "08", "53", "57"),
		errors.Is(err, errLost), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", uploads.ErrUnavailable, err)
	}
	return err
}
