package meta

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"uploadd/internal/uploads"
)

//go:embed sqlite/*.sql
var sqliteSchema embed.FS

// OpenSQLite opens the database file at path, makes it if it does not exist,
// and brings its schema up to date. A database of a later version is refused.
// The caller holds the lock on the directory.
func OpenSQLite(ctx context.Context, path string) (*Store, error) {
	// WAL with synchronous=FULL is what survives a loss of power: with NORMAL
	// the last commits are lost, with a rollback journal (unless EXTRA) the last one.
	db, err := openSQLite(path, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)")
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, goose.DialectSQLite3, db, sqliteSchema, "sqlite"); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		err = verifyDurable(ctx, conn)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	w := &committer{conn: conn, stmts: statements{prepare: conn.PrepareContext}, ops: make(chan *op), done: make(chan struct{})}
	go w.run()
	return &Store{
		read:  &statements{prepare: db.PrepareContext},
		write: w,
		ping:  db.PingContext,
		close: func() error { w.stop(); return errors.Join(conn.Close(), db.Close()) },
	}, nil
}

// verifyDurable refuses a connection on which the settings that durability rests
// on are not in force: SQLite keeps to others, without a word, where a file
// system does not allow them.
func verifyDurable(ctx context.Context, conn *sql.Conn) error {
	var journal string
	var synchronous int
	err := errors.Join(
		conn.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&journal),
		conn.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&synchronous))
	const full = 2
	if err == nil && (journal != "wal" || synchronous != full) {
		err = fmt.Errorf("the database works with journal_mode %s and synchronous %d, want wal and %d: its file system cannot keep what is acknowledged",
			journal, synchronous, full)
	}
	return err
}

// OpenSQLiteReadOnly opens the database for reading beside the server that
// writes it. Writes fail.
func OpenSQLiteReadOnly(path string) (*Store, error) {
	db, err := openSQLite(path, "query_only(ON)")
	if err != nil {
		return nil, err
	}
	return &Store{read: &statements{prepare: db.PrepareContext}, write: refuser{}, ping: db.PingContext, close: db.Close}, nil
}

func openSQLite(path string, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_pragma": append(pragmas, "busy_timeout(10000)", "temp_store(MEMORY)")}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	const conns = 1 + 8 // the writer's, and readers: more only wait for the processor
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// refuser is the writer of a database opened for reading.
type refuser struct{}

func (refuser) write(context.Context, func(querier) error) error {
	return errors.New("the database is open for reading only")
}

// migrate applies the steps that are missing, each in a transaction of its own.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, schema embed.FS, dir string) error {
	steps, err := fs.Sub(schema, dir)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, steps)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("the database has version %d, and this program knows versions up to %d: use a newer one", have, want)
	}
	_, err = p.Up(ctx)
	return err
}

// op is a write that waits to be committed.
type op struct {
	do   func(querier) error
	err  error
	done chan struct{}
}

// committer is the only writer of an SQLite database. It commits all the writes
// that came while it committed the ones before in one transaction: many small
// steps share one flush of the disk. Its goroutine owns conn and stmts.
type committer struct {
	conn  *sql.Conn
	stmts statements
	ops   chan *op
	done  chan struct{} // closed once run has returned

	mu      sync.RWMutex // held for reading by those who send to ops
	stopped bool
	failed  error // owned by run: set once the log can no longer be trusted
}

// maxBatch bounds how long the first write of a batch waits for the last.
const maxBatch = 256

// write waits for the commit whatever becomes of ctx: its outcome is then known.
func (c *committer) write(ctx context.Context, do func(querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.RLock()
	if c.stopped {
		c.mu.RUnlock()
		return fmt.Errorf("%w: the database is closed", uploads.ErrUnavailable)
	}
	o := &op{do: do, done: make(chan struct{})}
	c.ops <- o
	c.mu.RUnlock()
	<-o.done
	return o.err
}

func (c *committer) stop() {
	c.mu.Lock()
	if !c.stopped {
		c.stopped = true
		close(c.ops)
	}
	c.mu.Unlock()
	<-c.done
}

func (c *committer) run() {
	defer close(c.done)
	var batch []*op
	for first := range c.ops {
		batch = append(batch[:0], first)
	gather:
		for len(batch) < maxBatch {
			select {
			case o, ok := <-c.ops:
				if !ok {
					break gather
				}
				batch = append(batch, o)
			default:
				break gather
			}
		}
		if err := c.commit(batch); err != nil {
			for _, o := range batch {
				o.err = err
			}
		}
		for _, o := range batch {
			close(o.done)
		}
	}
}

// commit runs the batch in one transaction. An op that fails is undone alone;
// commit's own error is that of the whole batch, none of which then happened.
func (c *committer) commit(batch []*op) (err error) {
	if c.failed != nil {
		return c.failed
	}
	ctx := context.Background()
	run := func(query string) {
		if err == nil {
			_, err = c.stmts.exec(ctx, query)
		}
	}
	defer func() {
		if err != nil {
			c.stmts.exec(ctx, `ROLLBACK`) // fails when SQLite has rolled back by itself
			err = c.classify(err)
		}
	}()
	run(`BEGIN IMMEDIATE`)
	for _, o := range batch {
		run(`SAVEPOINT op`)
		if err != nil {
			return err
		}
		if o.err = o.do(unhurried{&c.stmts}); o.err != nil {
			if se := (*sqlite.Error)(nil); errors.As(o.err, &se) && se.Code()&0xff != sqlite3.SQLITE_CONSTRAINT {
				return o.err // SQLite may have ended the transaction
			}
			run(`ROLLBACK TO op`)
		}
		run(`RELEASE op`)
	}
	run(`COMMIT`)
	return err
}

// classify says what an error of the database means to the domain. After a
// failed flush nobody knows what reached the disk, and a second flush would
// claim success for pages the kernel has dropped: the process then writes no
// more, and a restart reads the log anew.
func (c *committer) classify(err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	switch code := se.Code(); {
	case code == sqlite3.SQLITE_IOERR_FSYNC || code == sqlite3.SQLITE_IOERR_DIR_FSYNC:
		c.failed = fmt.Errorf("%w: a flush of the database failed, restart to recover: %w", uploads.ErrUnavailable, err)
		return c.failed
	case code&0xff == sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case code&0xff == sqlite3.SQLITE_IOERR, code&0xff == sqlite3.SQLITE_CANTOPEN,
		code&0xff == sqlite3.SQLITE_READONLY, code&0xff == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w: %w", uploads.ErrUnavailable, err)
	}
	return err
}

// unhurried runs statements to their end whatever becomes of the caller: SQLite
// undoes the whole transaction, and so the steps of others, when a statement that
// writes is interrupted.
type unhurried struct{ querier }

func (u unhurried) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return u.querier.exec(context.WithoutCancel(ctx), query, args...)
}

func (u unhurried) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.querier.query(context.WithoutCancel(ctx), query, args...)
}

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

func (s *statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.get(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}
