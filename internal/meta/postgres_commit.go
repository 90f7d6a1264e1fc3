package meta

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// committing is where a connection keeps an *atomic.Bool that says so.
const committing = "uploadd is committing"

// letCommitsEnd prepares a connection for commit. When one breaks, or its time is up,
// pgx connects once more to ask the server to give up what it is at. One that waits in
// a COMMIT for its standby then waits no longer: everybody sees what would be gone if
// the standby took over.
func letCommitsEnd(_ context.Context, config *pgx.ConnConfig) error {
	is := &atomic.Bool{}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if is.Load() {
			return nil, errors.New("a COMMIT is not to be given up")
		}
		return dial(ctx, network, address)
	}
	config.AfterConnect = func(_ context.Context, c *pgconn.PgConn) error {
		c.CustomData()[committing] = is
		return nil
	}
	return nil
}

// commit ends tx. What it was at when it fails, the server ends by itself.
func commit(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx) error {
	is := conn.Conn().PgConn().CustomData()[committing].(*atomic.Bool)
	is.Store(true)
	err := tx.Commit(ctx)
	is.Store(err != nil && conn.Conn().IsClosed()) // pgx may be asking yet
	return err
}
