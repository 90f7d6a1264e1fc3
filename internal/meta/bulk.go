package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bulk is a transaction on a connection of its own, which lasts as long as its caller
// wants, and takes as many rows as there are. The queries of one that does not write see
// one moment.
type bulk interface {
	querier
	// load puts rows into a table, and returns how many.
	load(ctx context.Context, t table, rows result) (int64, error)
	commit(ctx context.Context) error
	// end undoes what was not committed, and lets the connection go.
	end() error
}

// scanRow reads a row of any columns.
func scanRow(rows result, columns int) ([]any, error) {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	return values, rows.Scan(into...)
}

// sqliteBulk goes beside the connection of the committer.
type sqliteBulk struct {
	*statements
	conn *sql.Conn
}

// bulkCache is how many KiB of pages SQLite keeps in memory for a bulk that writes: keys
// are random, so that each row comes to other pages of the indexes.
const bulkCache = 64 << 10

func beginSQLite(db *sql.DB) func(context.Context, bool) (bulk, error) {
	return func(ctx context.Context, write bool) (bulk, error) {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		b := &sqliteBulk{&statements{prepare: conn.PrepareContext}, conn}
		begin := []string{`BEGIN`, `SELECT id FROM origin`} // the moment is that of the first look
		if write {
			begin = []string{fmt.Sprintf(`PRAGMA cache_size = -%d`, bulkCache), `BEGIN IMMEDIATE`}
		}
		for _, query := range begin {
			if _, err := conn.ExecContext(ctx, query); err != nil {
				return nil, errors.Join(err, b.end())
			}
		}
		return b, nil
	}
}

func (b *sqliteBulk) load(ctx context.Context, t table, rows result) (n int64, err error) {
	places := make([]string, len(t.columns))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	insert, err := b.get(`INSERT INTO ` + t.name + ` (` + t.list() + `) VALUES (` + strings.Join(places, ", ") + `)`)
	if err != nil {
		return 0, err
	}
	for ; rows.Next(); n++ {
		values, err := scanRow(rows, len(t.columns))
		if err != nil {
			return n, err
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

func (b *sqliteBulk) commit(ctx context.Context) error {
	_, err := b.conn.ExecContext(ctx, `COMMIT`)
	return err
}

func (b *sqliteBulk) end() error {
	b.close()
	// It fails where nothing is left to undo.
	_, _ = b.conn.ExecContext(context.Background(), `ROLLBACK`)
	return b.conn.Close()
}

// postgresBulk is a transaction without the bounds of others on how long it takes.
type postgresBulk struct {
	transaction
	conn *pgxpool.Conn
}

func (d *database) begin(ctx context.Context, write bool) (bulk, error) {
	conn, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if write {
		options = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		conn.Release()
		return nil, err
	}
	b := &postgresBulk{transaction{ctx, tx}, conn}
	// The second is the first look, which chooses the moment.
	for _, query := range []string{
		`SET LOCAL idle_in_transaction_session_timeout = 0`, `SET LOCAL statement_timeout = 0`, `SELECT id FROM origin`} {
		if _, err := b.exec(ctx, query); err != nil {
			return nil, errors.Join(err, b.end())
		}
	}
	return b, nil
}

// load copies the rows, with their sequence: the next is behind the last of them.
func (b *postgresBulk) load(ctx context.Context, t table, rows result) (int64, error) {
	n, err := b.tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, &copied{result: rows, columns: len(t.columns)})
	if err == nil && t.columns[0] == "seq" {
		_, err = b.exec(ctx, `SELECT setval(pg_get_serial_sequence('`+t.name+`', 'seq'), COALESCE(MAX(seq), 0) + 1, false) FROM `+t.name)
	}
	return n, err
}

// copied makes rows a source of pgx.
type copied struct {
	result
	columns int
}

func (c *copied) Values() ([]any, error) { return scanRow(c.result, c.columns) }

func (b *postgresBulk) commit(ctx context.Context) error { return commit(ctx, b.conn, b.tx) }

func (b *postgresBulk) end() error {
	// It fails where nothing is left to undo, or the connection is gone.
	_ = b.tx.Rollback(context.Background())
	b.conn.Release()
	return nil
}
