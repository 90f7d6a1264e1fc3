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
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver
	sqlite3 "modernc.org/sqlite/lib"

	"uploadd/internal/uploads"
)

//go:embed sqlite/*.sql
var sqliteSchema embed.FS

// OpenSQLite opens the database file at path, makes it if it does not exist,
// and brings its schema up to date. A database of a later version is refused, and one
// that a migration has not brought all records to.
// The caller holds the lock on the directory.
func OpenSQLite(ctx context.Context, path string) (*Store, error) {
	s, err := OpenSQLiteTarget(ctx, path)
	return adopted(ctx, s, err)
}

// OpenSQLiteTarget is OpenSQLite for a migration.
func OpenSQLiteTarget(ctx context.Context, path string) (*Store, error) {
	b := newBallast(path)
	s, err := openForWriting(ctx, path, b)
	if lacksRoom(err) { // opening makes files too
		b.release()
		s, err = openForWriting(ctx, path, b)
	}
	return s, err
}

func openForWriting(ctx context.Context, path string, b *ballast) (*Store, error) {
	// WAL with synchronous=FULL is what survives a loss of power: with NORMAL
	// the last commits are lost, with a rollback journal (unless EXTRA) the last one.
	// A database that this makes can give back the space of small blobs.
	db, err := openSQLite(path, giveBack, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)")
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
	// A flush that failed in an earlier process may have left commits in the log
	// that the kernel shows and the disk does not have; what is committed behind
	// them would be lost with them. So the log begins anew.
	if err := beginLog(ctx, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), conn.Close(), db.Close())
	}
	w := &committer{conn: conn, stmts: statements{prepare: conn.PrepareContext}, ballast: b, ops: make(chan *op), done: make(chan struct{})}
	if !b.refill() {
		w.starved = syscall.ENOSPC
	}
	s := &Store{
		read:  &statements{prepare: db.PrepareContext},
		write: w,
		bulk:  beginSQLite(db),
		ping:  db.PingContext,

		announced: make(chan struct{}, 1),
		close: func() error {
			w.stop()
			w.stmts.close() // database/sql does not: they are of one connection
			return errors.Join(conn.Close(), db.Close())
		},
	}
	w.committed = s.committed
	go w.run()
	return s, nil
}

// beginLog brings the log into the database and begins it anew. It waits for those
// who still read from it, a back-up for example, but not for ever.
func beginLog(ctx context.Context, conn *sql.Conn) error {
	for range 6 { // of the busy timeout each
		var busy, frames, moved int
		err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(RESTART)`).Scan(&busy, &frames, &moved)
		if err != nil || busy == 0 {
			return err
		}
	}
	return errors.New("the log of the database cannot be begun anew, because another program reads it: wait for it to end")
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
	do    func(querier) error
	frees bool // lets go of space: is taken on a full disk too
	err   error
	done  chan struct{}
}

// committer is the only writer of an SQLite database. It commits all the writes
// that came while it committed the ones before in one transaction: many small
// steps share one flush of the disk. Its goroutine owns conn and stmts.
type committer struct {
	conn    *sql.Conn
	stmts   statements
	ballast *ballast
	ops     chan *op
	done    chan struct{} // closed once run has returned

	// committed is told of each commit with a step in it.
	committed func(ctx context.Context, steps int, began time.Time, err error)

	mu      sync.RWMutex // held for reading by those who send to ops
	stopped bool

	// Owned by run.
	failed  error // set once the log can no longer be trusted
	starved error // set while the ballast is given up: what steps that free nothing are refused with
}

// maxBatch bounds how long the first write of a batch waits for the last.
const maxBatch = 256

func (c *committer) write(ctx context.Context, do func(querier) error) error {
	return c.submit(ctx, &op{do: do, done: make(chan struct{})})
}

func (c *committer) free(ctx context.Context, do func(querier) error) error {
	return c.submit(ctx, &op{do: do, frees: true, done: make(chan struct{})})
}

// submit waits for the commit whatever becomes of ctx: its outcome is then known.
func (c *committer) submit(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.RLock()
	if c.stopped {
		c.mu.RUnlock()
		return fmt.Errorf("%w: the database is closed", uploads.ErrUnavailable)
	}
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

// commit brings the batch to the disk, if it has to with the room of the ballast.
// Its error is that of the whole batch, none of which then happened.
func (c *committer) commit(batch []*op) error {
	if c.failed != nil {
		return c.failed
	}
	if c.starved != nil && c.ballast.refill() {
		c.starved = nil
	}
	err := c.transact(batch)
	if lacksRoom(err) {
		c.starved = known(err)
		c.ballast.release()
		c.checkpoint()
		err = c.transact(batch)
	}
	if flushFailed(err) {
		// Nobody knows what reached the disk, and a second flush would claim
		// success for pages the kernel has dropped: the process writes no more,
		// and a restart reads the log anew.
		c.failed = fmt.Errorf("%w: a flush of the database failed, restart to recover: %w", uploads.ErrUnavailable, err)
		return c.failed
	}
	if c.starved != nil {
		c.checkpoint()
	}
	return known(err)
}

// checkpoint empties the log, as far as it can: what comes next is written over
// what it held, and takes no more of the disk. Errors do not matter: the records
// stay in the log.
func (c *committer) checkpoint() {
	_, _ = c.stmts.exec(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`)
}

// transact runs the batch in one transaction. An op that fails is undone alone.
func (c *committer) transact(batch []*op) (err error) {
	ctx := context.Background()
	run := func(query string) {
		if err == nil {
			_, err = c.stmts.exec(ctx, query)
		}
	}
	defer func() {
		if err != nil {
			c.stmts.exec(ctx, `ROLLBACK`) // fails when SQLite has rolled back by itself
		}
	}()
	run(`BEGIN IMMEDIATE`)
	for _, o := range batch {
		if o.err = nil; c.starved != nil && !o.frees {
			o.err = c.starved
			continue
		}
		run(`SAVEPOINT op`)
		if err != nil {
			return err
		}
		if o.err = o.do(unhurried{&c.stmts}); o.err != nil {
			if code, ok := sqliteCode(o.err); ok && code&0xff != sqlite3.SQLITE_CONSTRAINT {
				return o.err // SQLite may have ended the transaction
			}
			run(`ROLLBACK TO op`)
		}
		run(`RELEASE op`)
	}
	if err == nil {
		began := time.Now()
		run(`COMMIT`)
		if steps := taken(batch); steps > 0 { // without one there was nothing to flush
			c.committed(ctx, steps, began, err)
		}
	}
	return err
}

// taken counts the ops that did not fail by themselves.
func taken(batch []*op) (n int) {
	for _, o := range batch {
		if o.err == nil {
			n++
		}
	}
	return n
}

// unhurried runs statements to their end whatever becomes of the caller: SQLite
// undoes the whole transaction, and so the steps of others, when a statement that
// writes is interrupted.
type unhurried struct{ querier }

func (u unhurried) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return u.querier.exec(context.WithoutCancel(ctx), query, args...)
}

func (u unhurried) query(ctx context.Context, query string, args ...any) (result, error) {
	return u.querier.query(context.WithoutCancel(ctx), query, args...)
}

func (u unhurried) each(ctx context.Context, query string, args [][]any) (int64, error) {
	return u.querier.each(context.WithoutCancel(ctx), query, args)
}
