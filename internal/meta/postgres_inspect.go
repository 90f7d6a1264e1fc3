package meta

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// PostgresTrial is a database that is looked at before a node uses it, or beside nodes
// that do. What it tries to write it undoes.
type PostgresTrial struct {
	pool     *pgxpool.Pool
	prepares bool // nodes would keep prepared statements on connections
}

// TryPostgres connects as a node would.
func TryPostgres(ctx context.Context, url string) (*PostgresTrial, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	t := &PostgresTrial{prepares: slices.Contains(preparing, config.ConnConfig.DefaultQueryExecMode)}
	// Whether statements can be prepared is one of the questions.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if t.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := t.pool.Ping(ctx); err != nil {
		t.pool.Close()
		return nil, err
	}
	return t, nil
}

// preparing are the ways to ask that rely on a connection's being one's own.
var preparing = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec}

// Close lets go of the connections.
func (t *PostgresTrial) Close() { t.pool.Close() }

// PostgresState is what a database says of itself, and of the session of a node.
type PostgresState struct {
	Version    string
	Number     int    // of the version: 150004 is 15.4
	Encoding   string // of the server
	Recovering bool   // a standby
	ReadOnly   bool   // transactions begin so
	MayCreate  bool   // tables in the schema that is used
	Schema     string // that one; "" for none

	Have, Want int64 // versions of the tables; 0 is none yet

	Pool    int  // connections that a node opens at most
	Allowed int  // connections there may be, of this user in this database
	Open    int  // that there are, of everybody
	Secure  bool // TLS
	Local   bool // the server is this machine

	Unsafe error // why no node would start, nil as a rule
	Doubts error // why what is acknowledged may be lost all the same, nil as a rule

	Timeouts    map[string]time.Duration // those that end statements or connections
	IdleTimeout time.Duration            // after which a transaction that does nothing is ended; 0 is never
}

// State asks for it.
func (t *PostgresTrial) State(ctx context.Context) (s PostgresState, err error) {
	s.Pool = int(t.pool.Config().MaxConns)
	host := t.pool.Config().ConnConfig.Host
	ip := net.ParseIP(host)
	s.Local = strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
	err = t.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, s.Secure = conn.Conn().PgConn().Conn().(*tls.Conn)
		return errors.Join(s.ask(ctx, conn), s.askTimeouts(ctx, conn))
	})
	if err != nil {
		return s, err
	}
	if s.Have, s.Want, _, err = versions(ctx, t.pool); err != nil {
		return s, err
	}
	doubts, err := verifyPostgresDurable(ctx, t.pool)
	s.Unsafe = err
	if len(doubts) > 0 {
		s.Doubts = errors.New(strings.Join(doubts, "; "))
	}
	return s, nil
}

func (s *PostgresState) ask(ctx context.Context, conn *pgxpool.Conn) error {
	return conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int,
		pg_encoding_to_char(d.encoding), pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on',
		COALESCE(current_schema(), ''), COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false),
		LEAST(CASE WHEN d.datconnlimit < 0 THEN 1000000 ELSE d.datconnlimit END,
			CASE WHEN r.rolconnlimit < 0 THEN 1000000 ELSE r.rolconnlimit END,
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int),
		(SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
		FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`).
		Scan(&s.Version, &s.Number, &s.Encoding, &s.Recovering, &s.ReadOnly, &s.Schema, &s.MayCreate, &s.Allowed, &s.Open)
}

// askTimeouts asks for those that end statements and transactions. A database that does
// not know one does not have it.
func (s *PostgresState) askTimeouts(ctx context.Context, conn *pgxpool.Conn) error {
	rows, err := conn.Query(ctx, `SELECT name, setting::bigint FROM pg_settings WHERE name IN
		('statement_timeout', 'transaction_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')`)
	if err != nil {
		return err
	}
	defer rows.Close()
	s.Timeouts = map[string]time.Duration{}
	for rows.Next() {
		var name string
		var millis int64
		if err := rows.Scan(&name, &millis); err != nil {
			return err
		}
		if d := time.Duration(millis) * time.Millisecond; name == "idle_in_transaction_session_timeout" {
			s.IdleTimeout = d
		} else if millis > 0 {
			s.Timeouts[name] = d
		}
	}
	return rows.Err()
}

// StepTime is how long a step of a node may take.
const StepTime = stepTime

// Writable tries to change records, if there are tables, and undoes it.
func (t *PostgresTrial) Writable(ctx context.Context, tables bool) error {
	tx, err := t.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	if tables {
		_, err = tx.Exec(ctx, `DELETE FROM bin WHERE key = ''`) // no key is empty
	}
	return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
}

// Pooler says what is between a node and the server. between: something is. shared: it
// gives a connection that a node has, and does not use, to another. An error says that
// nodes, as they are told to ask, would fail there.
func (t *PostgresTrial) Pooler(ctx context.Context) (between, shared bool, err error) {
	a, err := t.pool.Acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer a.Release()
	var first, second uint32
	// A pooler may show a name that an earlier examination has left with another backend.
	name := fmt.Sprintf("uploadd_doctor_%x", time.Now().UnixNano())
	if t.prepares { // as a node does at its first question
		if _, err := a.Conn().Prepare(ctx, name, "SELECT 1"); err != nil {
			return false, false, err
		}
		defer a.Conn().Deallocate(context.WithoutCancel(ctx), name)
	}
	if err := a.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&first); err != nil {
		return false, false, err
	}
	between = first != a.Conn().PgConn().PID()
	b, err := t.pool.Begin(ctx)
	if err != nil {
		return between, false, err
	}
	defer b.Rollback(context.WithoutCancel(ctx))
	if err := b.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&second); err != nil {
		return between, false, err
	}
	shared = first == second
	if t.prepares { // on whatever connection a has now
		_, err = a.Exec(ctx, "EXECUTE "+name)
	}
	return between, shared, err
}

// Latency is the median of the times that the server takes to answer, and how far its
// clock is ahead of this machine's.
func (t *PostgresTrial) Latency(ctx context.Context) (trip, ahead time.Duration, err error) {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Release()
	const asked = 9
	var trips []time.Duration
	quickest := time.Duration(1<<63 - 1)
	for range asked {
		var micros int64
		began := time.Now()
		if err := conn.QueryRow(ctx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&micros); err != nil {
			return 0, 0, fmt.Errorf("the time of the database: %w", err)
		}
		took := time.Since(began)
		trips = append(trips, took)
		if took < quickest { // whose answer says the most
			quickest, ahead = took, time.UnixMicro(micros).Sub(began.Add(took/2))
		}
	}
	slices.Sort(trips)
	return trips[asked/2], ahead, nil
}
