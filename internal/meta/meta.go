// Package meta keeps the records of package uploads in an SQL database. The
// statements are one set for all databases; a database brings its schema and
// the way it runs a write.
package meta

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"uploadd/internal/uploads"
)

// Store implements uploads.Meta, access.Store and hooks.Store.
type Store struct {
	// Committed, if not nil, is told of each commit. It is set before the Store is used,
	// and called by many goroutines at once.
	Committed func(ctx context.Context, c Commit)

	read  reader
	write writer
	bulk  func(ctx context.Context, write bool) (bulk, error)
	ping  func(context.Context) error
	close func() error

	wall   func() time.Time // nil: the clock of this machine
	doubts []string

	announced chan struct{} // see Announced; nil where nothing is written
}

var _ uploads.Meta = (*Store)(nil)

// Commit is what brought steps to stable storage, or failed to.
type Commit struct {
	Steps int           // that share it
	Took  time.Duration // with the flush of the log, without the steps
	Err   error         // nil if they happened
}

// committed tells of a commit that began at began. ctx is that of its step, if it is the
// only one that can be in it.
func (s *Store) committed(ctx context.Context, steps int, began time.Time, err error) {
	if s.Committed != nil {
		s.Committed(ctx, Commit{Steps: steps, Took: time.Since(began), Err: err})
	}
}

// reader runs queries.
type reader interface {
	query(ctx context.Context, query string, args ...any) (result, error)
}

// querier runs statements in a transaction.
type querier interface {
	reader
	// exec returns how many rows it changed.
	exec(ctx context.Context, query string, args ...any) (int64, error)
	// each runs a statement once for each list of arguments, and returns how many
	// rows that changed in all.
	each(ctx context.Context, query string, args [][]any) (int64, error)
}

// result is the rows that a query found: those of database/sql, or of pgx.
type result interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// writer runs do in a transaction of its own, or in one that it shares with
// others in such a way that each do happens whole or not at all. When write
// returns nil the transaction is on stable storage. do may run more than once.
type writer interface {
	write(ctx context.Context, do func(querier) error) error
	// free is write for a step that lets go of space. It is taken when the disk
	// is so full that no other is.
	free(ctx context.Context, do func(querier) error) error
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.ping(ctx) }

// Close waits for writes that have begun, and closes the database.
func (s *Store) Close() error { return s.close() }

// Wall is the clock that all who use the database have in common, nil if that is the
// one of this machine.
func (s *Store) Wall() func() time.Time { return s.wall }

// Doubts says why what is acknowledged may be lost all the same; nothing as a rule.
func (s *Store) Doubts() []string { return s.doubts }

// change runs one statement that must change exactly one row, and returns
// otherwise when it does not.
func change(ctx context.Context, q querier, otherwise error, query string, args ...any) error {
	n, err := q.exec(ctx, query, args...)
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// all reads the rows of a query.
func all[T any](scan func(result, *T) error, rows result, err error) ([]T, error) {
	if err != nil {
		return nil, known(err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, known(rows.Err())
}

// one reads the only row of a query; none is fs.ErrNotExist.
func one[T any](scan func(result, *T) error, rows result, err error) (*T, error) {
	list, err := all(scan, rows, err)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fs.ErrNotExist
	}
	return &list[0], nil
}

func scanString(r result, s *string) error { return r.Scan(s) }
func scanInt(r result, n *int64) error     { return r.Scan(n) }

// cursor is the place of a record in a list.
type cursor struct{ createdAt, seq int64 }

func scanCursor(r result, c *cursor) error { return r.Scan(&c.createdAt, &c.seq) }

// listed runs the query of a page. The columns and the condition come from this
// package alone; $1 is the project and $2 the purpose, "" for any.
func listed[T any](ctx context.Context, q reader, scan func(result, *T) error, columns, table, where, project string, p uploads.Page, args ...any) ([]T, error) {
	query := "SELECT " + columns + " FROM " + table + " WHERE project = $1 AND " + where
	if p.Purpose != "" {
		query += " AND purpose = $2"
	} else {
		query += " AND $2 = ''"
	}
	from := cursor{}
	direction, compare := "ASC", ">"
	if p.Desc {
		direction, compare = "DESC", "<"
		from = cursor{1 << 62, 1 << 62}
	}
	if p.After != "" {
		rows, err := q.query(ctx, "SELECT created_at, seq FROM "+table+" WHERE project = $1 AND id = $2", project, p.After)
		at, err := one(scanCursor, rows, err)
		if err != nil {
			return nil, err
		}
		from = *at
	}
	query += " AND (created_at, seq) " + compare + " ($3, $4)" +
		" ORDER BY created_at " + direction + ", seq " + direction + " LIMIT $5"
	rows, err := q.query(ctx, query, append([]any{project, p.Purpose, from.createdAt, from.seq, p.Limit}, args...)...)
	return all(scan, rows, err)
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
