package meta

import (
	"context"
	"database/sql"
	"sync"
)

// statements prepares each query once. Queries are constants of this package,
// so there are few of them.
type statements struct {
	prepare func(context.Context, string) (*sql.Stmt, error)
	known   sync.Map // query → *sql.Stmt
}

func (s *statements) get(query string) (*sql.Stmt, error) {
	if st, ok := s.known.Load(query); ok {
		return st.(*sql.Stmt), nil
	}
	// Not the caller's context: the statement outlives it.
	st, err := s.prepare(context.Background(), query)
	if err != nil {
		return nil, err
	}
	if other, raced := s.known.LoadOrStore(query, st); raced {
		st.Close()
		return other.(*sql.Stmt), nil
	}
	return st, nil
}

// close lets the statements go; SQLite keeps a connection that has any, and with
// the last connection the log goes into the database.
func (s *statements) close() {
	s.known.Range(func(_, st any) bool {
		st.(*sql.Stmt).Close()
		return true
	})
}

func (s *statements) exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := s.get(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *statements) query(ctx context.Context, query string, args ...any) (result, error) {
	st, err := s.get(query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	return sqlRows{rows}, err
}

func (s *statements) each(ctx context.Context, query string, args [][]any) (changed int64, err error) {
	for _, list := range args {
		n, err := s.exec(ctx, query, list...)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}

type sqlRows struct{ *sql.Rows }

// Close has nothing to tell that Err does not.
func (r sqlRows) Close() { r.Rows.Close() }
