package meta

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"uploadd/internal/uploads"
)

// table is one whose rows a migration moves, in the order of its first column.
type table struct {
	name    string
	columns []string
}

func (t table) list() string { return strings.Join(t.columns, ", ") }

func tableOf(name, columns string) table { return table{name, strings.Fields(columns)} }

// moved is all that is kept, but for what tells one database from another.
var moved = []table{
	tableOf("projects", `name max_bytes max_files max_uploads max_requests bytes reserved files uploads`),
	tableOf("keys", `id project name hash scopes created_at expires_at revoked_at
		max_bytes max_files max_uploads max_requests bytes reserved files uploads`),
	tableOf("uploads", `seq id project key_id filename purpose mime_type bytes status created_at expires_at
		file_life file_id ended_at added_bytes added_parts`),
	tableOf("files", `seq id project key_id upload_id filename purpose bytes crc32c parts created_at expires_at deleted_at`),
	tableOf("parts", `seq id upload_id file_id position start bytes padding crc32c sums created_at`),
	tableOf("bin", `key due_at doomed`),
	tableOf("audit", `seq at project key_id action object detail`),
	tableOf("hooks", `id project url events secret old_secret old_until status created_at ended_at failed_at failure`),
	tableOf("outbox", `object type hook_id reason at due_at attempts sending`),
}

// markers belong to the bytes.
var markers = tableOf("marker", `id key stored`)

var (
	// ErrIncomplete is a database that a migration has not brought all records to yet.
	ErrIncomplete = errors.New("a migration to it has not been completed: run it again")
	// ErrTaken is a database that holds something else than what a migration brought.
	ErrTaken = errors.New("it holds something already, or was used since it was migrated to")
	// ErrSuperseded is a migration that another run of the same has taken over.
	ErrSuperseded = errors.New("another run of this migration has taken over")
	// ErrMoved is a migration whose runs were told different places for the bytes.
	ErrMoved = errors.New("a run before was told another place for the bytes")
)

// adopted is s, whose records go their own way from here on, if a migration brought
// them: it cannot be repeated. One that has not been completed is [ErrIncomplete].
func adopted(ctx context.Context, s *Store, err error) (*Store, error) {
	if err != nil {
		return nil, err
	}
	done, err := s.completed(ctx)
	if err == nil && done {
		err = s.write.free(ctx, func(q querier) error {
			_, err := q.exec(ctx, `DELETE FROM migration WHERE complete = 1`)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// completed reports whether a migration has brought the records.
func (s *Store) completed(ctx context.Context) (bool, error) {
	rows, err := s.read.query(ctx, `SELECT complete FROM migration`)
	complete, err := one(scanInt, rows, err)
	switch {
	case isMissing(err):
		return false, nil
	case err == nil && *complete == 0:
		err = ErrIncomplete
	}
	return err == nil, err
}

// Target is a database that a migration brings records to, in the place of all that it
// holds. Each step is refused once another run has begun: [ErrSuperseded].
type Target struct {
	*Store
	run  string
	stay bool // see Stay
}

var _ uploads.Arrivals = (*Target)(nil)

// Target begins a migration from the database from, or goes on with it. A database that
// holds what came from elsewhere is [ErrTaken]. s was opened as a target.
func (s *Store) Target(ctx context.Context, from *Store) (*Target, error) {
	source, err := from.origin(ctx)
	if err != nil {
		return nil, err
	}
	if own, err := s.origin(ctx); err != nil {
		return nil, err
	} else if own == source {
		return nil, errors.New("it is the source of the migration, or a copy of it")
	}
	t := &Target{Store: s, run: rand.Text()}
	err = s.write.write(ctx, func(q querier) error {
		n, err := q.exec(ctx, `UPDATE migration SET run = $2, complete = 0 WHERE source = $1`, source, t.run)
		if err != nil || n == 1 {
			return err
		}
		rows, err := q.query(ctx, `SELECT 1 FROM migration UNION ALL SELECT 1 FROM projects UNION ALL SELECT 1 FROM keys
			UNION ALL SELECT 1 FROM uploads UNION ALL SELECT 1 FROM files UNION ALL SELECT 1 FROM audit LIMIT 1`)
		switch _, err := one(scanInt, rows, err); {
		case err == nil:
			return ErrTaken
		case !isMissing(err):
			return err
		}
		_, err = q.exec(ctx, `INSERT INTO migration (source, run, complete) VALUES ($1, $2, 0)`, source, t.run)
		return err
	})
	return t, err
}

func (s *Store) origin(ctx context.Context) (string, error) {
	rows, err := s.read.query(ctx, `SELECT id FROM origin`)
	id, err := one(scanString, rows, err)
	if err != nil {
		return "", err
	}
	return *id, nil
}

// own fails once another run has begun, and keeps others from beginning until the
// transaction ends.
func (t *Target) own(ctx context.Context, q querier) error {
	return change(ctx, q, ErrSuperseded, `UPDATE migration SET run = run WHERE run = $1`, t.run)
}

func (t *Target) step(ctx context.Context, query string, args [][]any) error {
	return t.write.write(ctx, func(q querier) error {
		if err := t.own(ctx, q); err != nil {
			return err
		}
		_, err := q.each(ctx, query, args)
		return err
	})
}

func (t *Target) Expect(ctx context.Context, keys []string) error {
	args := make([][]any, len(keys))
	for i, key := range keys {
		args[i] = []any{key}
	}
	return t.step(ctx, `INSERT INTO arrivals (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET padding = NULL`, args)
}

func (t *Target) Arrive(ctx context.Context, blobs []uploads.Arrival) error {
	args := make([][]any, len(blobs))
	for i, b := range blobs {
		args[i] = []any{b.Key, b.Padding}
	}
	return t.step(ctx, `UPDATE arrivals SET padding = $2 WHERE key = $1`, args)
}

// arrivedQuery asks about as many keys as a query can name. What arrives anew says more
// than the record of a run before.
var arrivedQuery = func() string {
	places := make([]string, uploads.ArrivalsAtOnce)
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	list := "(" + strings.Join(places, ", ") + ")"
	return `SELECT key, COALESCE(padding, -1) FROM arrivals WHERE key IN ` + list + `
		UNION ALL SELECT id, padding FROM parts WHERE id IN ` + list + ` AND NOT EXISTS (SELECT 1 FROM arrivals WHERE key = id)`
}()

func (t *Target) Arrived(ctx context.Context, keys []string) (known map[string]*uploads.Arrival, err error) {
	args := make([]any, uploads.ArrivalsAtOnce)
	for i := range args {
		args[i] = ""
	}
	for i, key := range keys {
		args[i] = key
	}
	rows, err := t.read.query(ctx, arrivedQuery, args...)
	list, err := all(func(r result, a *uploads.Arrival) error { return r.Scan(&a.Key, &a.Padding) }, rows, err)
	if err != nil {
		return nil, err
	}
	known = map[string]*uploads.Arrival{}
	for _, a := range list {
		if known[a.Key] = nil; a.Padding >= 0 {
			known[a.Key] = &a
		}
	}
	return known, nil
}

// Stay says whether the bytes stay where they are, because source and target have one
// store of blobs in common. Runs before must have found the same: what they brought
// refers to those bytes.
func (t *Target) Stay(ctx context.Context, stay bool) error {
	common := 0
	if stay {
		common = 1
	}
	t.stay = stay
	return t.write.write(ctx, func(q querier) error {
		if err := t.own(ctx, q); err != nil {
			return err
		}
		return change(ctx, q, ErrMoved, `UPDATE migration SET common = $1 WHERE COALESCE(common, $1) = $1`, common)
	})
}

// Load puts all records of from in the place of those that are here, and completes the
// migration: all of it happens or nothing. The blob of each Part must have arrived,
// unless the bytes stay. What came and no record needs is due in the bin at due. Load
// returns how many records there are.
func (t *Target) Load(ctx context.Context, from *Store, due int64) (records int64, err error) {
	b, err := t.bulk(ctx, true)
	if err != nil {
		return 0, known(err)
	}
	defer func() { err = known(errors.Join(err, b.end())) }()
	if err := t.own(ctx, b); err != nil {
		return 0, err
	}
	tables := moved
	if t.stay {
		tables = append(slices.Clone(moved), markers)
	} else if err := keepStored(ctx, b); err != nil {
		return 0, err
	}
	for _, table := range tables {
		n, err := replace(ctx, b, from, table)
		if err != nil {
			return 0, fmt.Errorf("moving the table %s: %w", table.name, err)
		}
		records += n
	}
	if !t.stay {
		if err := match(ctx, b); err != nil {
			return 0, err
		}
	}
	if err := t.complete(ctx, b, due); err != nil {
		return 0, err
	}
	return records, b.commit(ctx)
}

// keepStored counts the blobs of the records that are about to go among the arrivals:
// those of a run before, which brought records already.
func keepStored(ctx context.Context, b bulk) error {
	_, err := b.exec(ctx, `INSERT INTO arrivals (key, padding) SELECT id, padding FROM parts WHERE 1 = 1 ON CONFLICT (key) DO NOTHING`)
	if err == nil {
		_, err = b.exec(ctx, `INSERT INTO arrivals (key) SELECT key FROM bin WHERE 1 = 1 ON CONFLICT (key) DO NOTHING`)
	}
	return err
}

// replace puts the rows of from in the place of a table's.
func replace(ctx context.Context, b bulk, from *Store, t table) (int64, error) {
	if _, err := b.exec(ctx, `DELETE FROM `+t.name); err != nil {
		return 0, err
	}
	rows, err := from.read.query(ctx, `SELECT `+t.list()+` FROM `+t.name+` ORDER BY `+t.columns[0])
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	return b.load(ctx, t, rows)
}

// match holds the Parts against the blobs that arrived, which may have another padding.
func match(ctx context.Context, b bulk) error {
	rows, err := b.query(ctx, `SELECT COUNT(*) FROM parts
		WHERE NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.key = parts.id AND a.padding IS NOT NULL)`)
	missing, err := one(scanInt, rows, err)
	if err != nil {
		return err
	}
	if *missing > 0 {
		return fmt.Errorf("the bytes of %d parts have not arrived", *missing)
	}
	_, err = b.exec(ctx, `UPDATE parts SET padding = (SELECT a.padding FROM arrivals a WHERE a.key = parts.id)
		WHERE padding <> (SELECT a.padding FROM arrivals a WHERE a.key = parts.id)`)
	return err
}

// complete says that all is there.
func (t *Target) complete(ctx context.Context, b bulk, due int64) error {
	_, err := b.exec(ctx, `INSERT INTO bin (key, due_at) SELECT key, CAST($1 AS BIGINT) FROM arrivals
		WHERE NOT EXISTS (SELECT 1 FROM parts WHERE id = key) ON CONFLICT (key) DO NOTHING`, due)
	if err != nil {
		return err
	}
	if _, err := b.exec(ctx, `DELETE FROM arrivals`); err != nil {
		return err
	}
	return change(ctx, b, ErrSuperseded, `UPDATE migration SET complete = 1 WHERE run = $1`, t.run)
}
