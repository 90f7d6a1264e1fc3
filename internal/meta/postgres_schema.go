package meta

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed postgres/*.sql
var postgresSchema embed.FS

// lockTime is how long a change of the schema waits for those that use what it changes,
// and others wait behind it, before it gives up and is begun again.
const lockTime = 2 * time.Second

// schemaVersion is the version that this program brings.
func schemaVersion(schema fs.FS, dir string) (int64, error) {
	steps, err := fs.Glob(schema, dir+"/*.sql")
	return int64(len(steps)), err
}

// versions says which version of the schema the database has, 0 for none, which this
// program brings, and which is the oldest whose programs can use what is there.
func versions(ctx context.Context, pool *pgxpool.Pool) (have, want, oldest int64, err error) {
	if want, err = schemaVersion(postgresSchema, "postgres"); err != nil {
		return 0, 0, 0, err
	}
	err = pool.QueryRow(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if code(err) == undefinedTable {
		return 0, want, 0, nil
	}
	if err == nil && have > 0 {
		err = pool.QueryRow(ctx, `SELECT MAX(version) FROM oldest_version`).Scan(&oldest)
	}
	if err != nil {
		err = fmt.Errorf("the version of the database: %w", err)
	}
	return have, want, oldest, err
}

// usable refuses a schema of a later version whose programs have left ours behind.
func usable(have, want, oldest int64) error {
	if have > want && oldest > want {
		return fmt.Errorf("%w: it has version %d, which programs from version %d on can use, and this one brings version %d: use a newer one",
			ErrVersion, have, oldest, want)
	}
	return nil
}

// migratePostgres applies the steps that are missing, each in a transaction of its
// own, while other processes use the database. Of those that start at once, one does.
func migratePostgres(ctx context.Context, pool *pgxpool.Pool) error {
	have, want, oldest, err := versions(ctx, pool)
	if err != nil {
		return err
	}
	if have >= want {
		return usable(have, want, oldest)
	}
	// A table, not an advisory lock: not every database that speaks PostgreSQL's
	// protocol has those.
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLockTimeout(100*time.Millisecond, 3000),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	steps, err := fs.Sub(postgresSchema, "postgres")
	if err != nil {
		return err
	}
	config := pool.Config().ConnConfig
	config.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTime.Milliseconds(), 10)
	db := stdlib.OpenDB(*config)
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithLocker(locker))
	if err != nil {
		return err
	}
	// What failed did so whole, and is begun again where that may help: a step that
	// waits too long for a lock gives up, so that those behind it do not wait.
	err = persist(ctx, func() (sure bool, err error) {
		_, err = p.Up(ctx)
		return true, err
	})
	if err != nil {
		return fmt.Errorf("bringing the database to version %d: %w", want, err)
	}
	return nil
}

// verifyPostgresVersion refuses a schema that this program cannot read.
func verifyPostgresVersion(ctx context.Context, pool *pgxpool.Pool) error {
	have, want, oldest, err := versions(ctx, pool)
	if err != nil {
		return err
	}
	if have == 0 {
		return ErrEmpty
	}
	if have < want {
		return fmt.Errorf("%w: it has version %d, and this program reads version %d: start its server once", ErrVersion, have, want)
	}
	return usable(have, want, oldest)
}
