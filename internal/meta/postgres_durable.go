package meta

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// verifyPostgresDurable refuses sessions that acknowledge what the database has not
// flushed, and returns what else makes it doubtful that it keeps what it says. A
// database that does not know a setting does not have what it is for.
func verifyPostgresDurable(ctx context.Context, pool *pgxpool.Pool) (doubts []string, err error) {
	settings := map[string]string{}
	rows, err := pool.Query(ctx, `SELECT name, setting FROM pg_settings
		WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes', 'synchronous_standby_names')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		settings[name] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("the settings of the database: %w", err)
	}
	if settings["synchronous_commit"] == "off" {
		return nil, errors.New("synchronous_commit is off, so that what is acknowledged may be lost: turn it on in the database, or for uploadd alone by adding synchronous_commit=on to the URL")
	}
	if settings["synchronous_commit"] == "local" && settings["synchronous_standby_names"] != "" {
		doubts = append(doubts, "synchronous_commit is local: a standby that takes over may lack what was acknowledged")
	}
	for _, name := range []string{"fsync", "full_page_writes"} {
		if settings[name] == "off" {
			doubts = append(doubts, name+" is off in the database: a loss of its power may take everything with it")
		}
	}
	return doubts, nil
}
