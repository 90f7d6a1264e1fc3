package meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"uploadd/internal/uploads"
)

const (
	// poolSize is how many connections a process opens at most, unless the URL says
	// pool_max_conns: a write has one for a few round trips and a flush of the log.
	poolSize = 16
	// connectTime is how long a connection may take to be made, unless the URL says
	// connect_timeout.
	connectTime = 5 * time.Second
	// stepTime is how long a step may take, with all that is tried again in it.
	stepTime = 15 * time.Second
	// readTime is the same where a command reads all there is.
	readTime = 24 * time.Hour
	// pingTime is how long a connection that was idle may take to show that it is
	// there, and the database to say that it is ready.
	pingTime = 2 * time.Second
	// idleInTransaction is after how long the database ends a transaction whose
	// process has stopped: others wait for the records that it has locked.
	idleInTransaction = 5 * time.Second
)

// OpenPostgres opens the database at url, as the libraries of PostgreSQL write it,
// and brings its schema up to date. Any number of processes may use it at once. A
// database of a later version is used if that version lets this program, and one that a
// migration has not brought all records to is refused.
func OpenPostgres(ctx context.Context, url string) (*Store, error) {
	s, err := OpenPostgresTarget(ctx, url)
	return adopted(ctx, s, err)
}

// OpenPostgresTarget is OpenPostgres for a migration.
func OpenPostgresTarget(ctx context.Context, url string) (*Store, error) {
	s, err := openPostgres(ctx, url, stepTime, migratePostgres)
	if err != nil {
		return nil, err
	}
	if err := s.verifyWritable(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// verifyWritable refuses a database whose user may only read it. One that takes no
// writes at present, as a standby before it takes over, will do.
func (s *Store) verifyWritable(ctx context.Context) error {
	err := s.write.free(ctx, func(q querier) error {
		_, err := q.exec(ctx, `DELETE FROM bin WHERE key = ''`) // no key is empty
		return err
	})
	if code(err) == insufficientPrivilege {
		return fmt.Errorf("its user may not write: %w", err)
	}
	return nil
}

// OpenPostgresReadOnly opens the database for reading. Writes fail.
func OpenPostgresReadOnly(ctx context.Context, url string) (*Store, error) {
	s, err := openPostgres(ctx, url, readTime, verifyPostgresVersion)
	if err != nil {
		return nil, err
	}
	s.write = refuser{}
	if _, err := s.completed(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openPostgres(ctx context.Context, url string, step time.Duration, prepare func(context.Context, *pgxpool.Pool) error) (*Store, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	config.BeforeConnect = letCommitsEnd
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	d := &database{pool: pool, step: step}
	doubts, err := verifyPostgresDurable(ctx, pool)
	if err == nil {
		d.clock, err = newDatabaseClock(ctx, d)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	s := &Store{read: d, write: d, bulk: d.begin, ping: d.ping, wall: d.clock.Now, doubts: doubts, announced: make(chan struct{}, 1),
		close: func() error {
			d.clock.stop()
			pool.Close()
			return nil
		}}
	d.committed = s.committed
	return s, nil
}

// postgresConfig is what url says, and what a Store needs where it says nothing.
func postgresConfig(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("--meta: %w", err) // which shows no password
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = poolSize
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTime
	}
	if !strings.Contains(url, "pool_ping_timeout") {
		config.PingTimeout = pingTime
	}
	for name, value := range map[string]string{
		"application_name":                    "uploadd",
		"idle_in_transaction_session_timeout": strconv.FormatInt(idleInTransaction.Milliseconds(), 10),
	} {
		if _, given := config.ConnConfig.RuntimeParams[name]; !given {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// database runs statements on connections of a pool. It is the reader and the writer
// of a Store.
type database struct {
	pool  *pgxpool.Pool
	clock *databaseClock
	step  time.Duration // that one may take

	committed func(ctx context.Context, steps int, began time.Time, err error)
}

func (d *database) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pingTime)
	defer cancel()
	return d.pool.Ping(ctx)
}

// write runs do in a transaction of its own. Its caller may have left meanwhile: the
// transaction is ended all the same, so that its outcome is known.
//
// What failed before COMMIT was sent has certainly not happened, and is tried again
// if that may help: after a deadlock, or on another connection. What failed behind
// it may have happened, and is not.
func (d *database) write(ctx context.Context, do func(querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.step)
	defer cancel()
	return d.persist(ctx, func() (sure bool, err error) { return d.transact(ctx, do) })
}

// free is write: the room of a database is its own affair.
func (d *database) free(ctx context.Context, do func(querier) error) error { return d.write(ctx, do) }

// transact is one attempt. sure says that the transaction has not happened, if err is
// not nil.
func (d *database) transact(ctx context.Context, do func(querier) error) (sure bool, err error) {
	conn, err := d.acquire(ctx)
	if err != nil {
		return true, err
	}
	defer conn.Release()
	// READ COMMITTED, whatever the database's default: the first statement of a step
	// locks the record that decides, and the others see what was committed by then.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return true, lost(ctx, conn, err)
	}
	if err := do(transaction{ctx, tx}); err != nil {
		err = lost(ctx, conn, err)
		// That of a rollback does not matter: its connection is closed then, which
		// is one too.
		_ = tx.Rollback(ctx)
		return true, err
	}
	began := time.Now()
	err = commit(ctx, conn, tx)
	d.committed(ctx, 1, began, err)
	return code(err) == serializationFailure || code(err) == deadlockDetected || errors.Is(err, pgx.ErrTxCommitRollback), err
}

// persist is that below. Where nothing has come back in time, the server may be gone
// without a word, and the other connections with it: they are not waited for one by one.
func (d *database) persist(ctx context.Context, attempt func() (sure bool, err error)) error {
	err := persist(ctx, attempt)
	if ctx.Err() == context.DeadlineExceeded {
		d.pool.Reset()
	}
	return err
}

// persist repeats an attempt that failed without effect, as long as there is time and
// the error is one that passes.
func persist(ctx context.Context, attempt func() (sure bool, err error)) error {
	const first, most = 10 * time.Millisecond, time.Second
	for wait, tries := first, 1; ; tries++ {
		sure, err := attempt()
		switch {
		case err == nil:
			return nil
		case !sure:
			return fmt.Errorf("%w: whether the step was taken is not known: %w", uploads.ErrUnavailable, err)
		case !passes(err) || tries == maxTries:
			return known(err)
		}
		select {
		case <-ctx.Done():
			return known(err)
		case <-time.After(wait/2 + rand.N(wait)): // #nosec G404 -- so that nodes do not come back at once
		}
		wait = min(2*wait, most)
	}
}

// maxTries is how often a step is tried: for some 3 seconds, in which a database that
// was restarted, or whose standby took over, answers again.
const maxTries = 9

// errLost is a connection that was not to be had, or broke.
var errLost = errors.New("the connection to the database is lost")

func (d *database) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	return conn, nil
}

// lost says so if err was the end of conn. One to a server that has become a standby
// is ended: another may be the primary now.
func lost(ctx context.Context, conn *pgxpool.Conn, err error) error {
	if code(err) == readOnlyTransaction {
		_ = conn.Conn().Close(ctx)
	}
	if conn.Conn().IsClosed() {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// query is tried again until its first row has come, or its end.
func (d *database) query(ctx context.Context, query string, args ...any) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, d.step)
	var r *peeked
	err := d.persist(ctx, func() (sure bool, err error) {
		conn, err := d.acquire(ctx)
		if err != nil {
			return true, err
		}
		rows, err := conn.Query(ctx, query, args...)
		if err == nil {
			r = &peeked{Rows: rows, first: rows.Next(), conn: conn, done: func() { conn.Release(); cancel() }}
			err = rows.Err()
		}
		if err != nil {
			err = lost(ctx, conn, err)
			conn.Release()
		}
		return true, err
	})
	if err != nil {
		cancel()
		if code(err) == noSuchCharacter {
			return nothing{}, nil // no record has a text that none can have
		}
		return nil, err
	}
	return r, nil
}

// nothing is a result without rows.
type nothing struct{}

func (nothing) Next() bool        { return false }
func (nothing) Scan(...any) error { return io.EOF }
func (nothing) Err() error        { return nil }
func (nothing) Close()            {}

// peeked is rows of which the first has been asked for.
type peeked struct {
	pgx.Rows
	first, begun bool
	conn         *pgxpool.Conn
	done         func()
}

func (r *peeked) Err() error {
	err := r.Rows.Err()
	if err != nil {
		err = lost(context.Background(), r.conn, err)
	}
	return err
}

func (r *peeked) Next() bool {
	if !r.begun {
		r.begun = true
		return r.first
	}
	return r.Rows.Next()
}

func (r *peeked) Close() {
	r.Rows.Close()
	r.done()
}

// transaction runs statements in one, for as long as its own context lasts: who asked
// may have left.
type transaction struct {
	ctx context.Context
	tx  pgx.Tx
}

func (t transaction) exec(_ context.Context, query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(t.ctx, query, args...)
	return tag.RowsAffected(), err
}

func (t transaction) query(_ context.Context, query string, args ...any) (result, error) {
	return t.tx.Query(t.ctx, query, args...)
}

// each sends all of them at once.
func (t transaction) each(_ context.Context, query string, args [][]any) (changed int64, err error) {
	var batch pgx.Batch
	for _, list := range args {
		batch.Queue(query, list...).Exec(func(tag pgconn.CommandTag) error {
			changed += tag.RowsAffected()
			return nil
		})
	}
	err = t.tx.SendBatch(t.ctx, &batch).Close()
	return changed, err
}
