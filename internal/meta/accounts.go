package meta

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"uploadd/internal/uploads"
)

// accounts is a table of accounts: projects by their names, or keys by their ids.
type accounts struct{ kind, columns, byID, charge string }

func accountsIn(kind, table, id string) accounts {
	columns := `'` + kind + `', ` + id + `, max_bytes, max_files, max_uploads, max_requests, bytes, reserved, files, uploads`
	return accounts{
		kind:    kind,
		columns: columns,
		byID:    `SELECT ` + columns + ` FROM ` + table + ` WHERE ` + id + ` = $1`,
		// What lets go is always allowed: limits may have been lowered since.
		charge: `UPDATE ` + table + ` SET bytes = bytes + $2, reserved = reserved + $3, files = files + $4, uploads = uploads + $5
			WHERE ` + id + ` = $1
			AND (CAST($2 AS BIGINT) + $3 <= 0 OR CAST($2 AS BIGINT) + $3 <= max_bytes - bytes - reserved)
			AND (CAST($4 AS BIGINT) + $5 <= 0 OR CAST($4 AS BIGINT) + $5 <= max_files - files - uploads)
			AND ($5 <= 0 OR $5 <= max_uploads - uploads)`,
	}
}

var (
	ofProjects = accountsIn("project", "projects", "name")
	ofKeys     = accountsIn("key", "keys", "id")
)

func scanAccount(r result, a *uploads.Account) error {
	l := &a.Limits
	return r.Scan(&a.Kind, &a.ID, &l.Bytes, &l.Files, &l.Uploads, &l.Requests, &a.Bytes, &a.Reserved, &a.Files, &a.Uploads)
}

func (t accounts) one(ctx context.Context, q reader, id string) (*uploads.Account, error) {
	rows, err := q.query(ctx, t.byID, id)
	return one(scanAccount, rows, err)
}

// charge is what a step adds to the account of a project and of a key.
type charge struct{ bytes, reserved, files, uploads int64 }

// to charges the project, and the key unless it is "". It fails if one of them
// would hold more than it may.
func (c charge) to(ctx context.Context, q querier, project, key string) error {
	if err := c.account(ctx, q, ofProjects, project); err != nil || key == "" {
		return err
	}
	return c.account(ctx, q, ofKeys, key)
}

func (c charge) account(ctx context.Context, q querier, t accounts, id string) error {
	for {
		n, err := q.exec(ctx, t.charge, id, c.bytes, c.reserved, c.files, c.uploads)
		if err != nil || n == 1 {
			return err
		}
		a, err := t.one(ctx, q, id)
		if isMissing(err) && t == ofProjects {
			if err := ensureProject(ctx, q, id); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("charging %s %s: %w", t.kind, id, err)
		}
		of := a.Exceeded(c.bytes+c.reserved, c.files, c.uploads)
		if of == "" {
			continue // another node has made it, or room in it, in between
		}
		return &uploads.QuotaError{Account: *a, Of: of}
	}
}

// ensureProject makes the account of a project that has none.
func ensureProject(ctx context.Context, q querier, name string) error {
	l := uploads.DefaultLimits
	_, err := q.exec(ctx, `INSERT INTO projects (name, max_bytes, max_files, max_uploads, max_requests)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING`, name, l.Bytes, l.Files, l.Uploads, l.Requests)
	return err
}

// held is what an Upload's record says of what it holds while it is pending.
type held struct {
	project, key           string
	declared, added, parts int64
	hooked                 bool // its project has hooks
}

const heldColumns = `project, key_id, bytes, added_bytes, added_parts, ` + hookedUpload

func scanHeld(r result, h *held) error {
	return r.Scan(&h.project, &h.key, &h.declared, &h.added, &h.parts, &h.hooked)
}

func heldBy(ctx context.Context, q querier, uploadID string) (*held, error) {
	rows, err := q.query(ctx, `SELECT `+heldColumns+` FROM uploads WHERE id = $1`, uploadID)
	return one(scanHeld, rows, err)
}

// reserved is what the Upload reserves: what it declared, and what it was sent
// beyond that.
func (h *held) reserved() int64 { return max(h.declared, h.added) }

// letGo is the charge of an Upload that became something else, or nothing.
func (h *held) letGo(became charge) charge {
	became.reserved -= h.reserved()
	became.uploads--
	return became
}

// tally adds up what one step charges to many accounts.
type tally map[holder]charge

type holder struct {
	accounts
	id string
}

func (t tally) add(project, key string, c charge) {
	t.addTo(holder{ofProjects, project}, c)
	if key != "" {
		t.addTo(holder{ofKeys, key}, c)
	}
}

func (t tally) addTo(h holder, c charge) {
	sum := t[h]
	t[h] = charge{sum.bytes + c.bytes, sum.reserved + c.reserved, sum.files + c.files, sum.uploads + c.uploads}
}

// settle charges the accounts. Everybody locks projects before keys, and each of them
// in the order of their ids, and waits for no other record while it has them: so no
// two steps wait for each other.
func (t tally) settle(ctx context.Context, q querier) error {
	order := slices.SortedFunc(maps.Keys(t), func(a, b holder) int {
		return cmp.Or(strings.Compare(b.kind, a.kind), strings.Compare(a.id, b.id))
	})
	for _, h := range order {
		if err := t[h].account(ctx, q, h.accounts, h.id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) Accounts(ctx context.Context, by uploads.Caller) ([]uploads.Account, error) {
	project, err := ofProjects.one(ctx, s.read, by.Project)
	if isMissing(err) {
		project, err = &uploads.Account{Kind: ofProjects.kind, ID: by.Project, Limits: uploads.DefaultLimits}, nil
	}
	if err != nil {
		return nil, err
	}
	list := []uploads.Account{*project}
	if by.Key != "" {
		key, err := ofKeys.one(ctx, s.read, by.Key)
		if err != nil {
			return nil, err
		}
		list = append(list, *key)
	}
	return list, nil
}

func (s *Store) Miscounted(ctx context.Context) ([]uploads.Account, error) {
	rows, err := s.read.query(ctx, `
		WITH held AS (
			SELECT project, key_id, bytes, 0 AS reserved, 1 AS files, 0 AS uploads FROM files WHERE deleted_at IS NULL
			UNION ALL
			SELECT project, key_id, 0, CASE WHEN added_bytes > bytes THEN added_bytes ELSE bytes END, 0, 1
			FROM uploads WHERE status = 'pending'
		), difference AS (
			SELECT 'project' AS kind, project AS id, bytes, reserved, files, uploads FROM held
			UNION ALL SELECT 'key', key_id, bytes, reserved, files, uploads FROM held WHERE key_id <> ''
			UNION ALL SELECT 'project', name, -bytes, -reserved, -files, -uploads FROM projects
			UNION ALL SELECT 'key', id, -bytes, -reserved, -files, -uploads FROM keys
		)
		SELECT kind, id, 0, 0, 0, 0, CAST(SUM(bytes) AS BIGINT), CAST(SUM(reserved) AS BIGINT), CAST(SUM(files) AS BIGINT), CAST(SUM(uploads) AS BIGINT)
		FROM difference GROUP BY kind, id
		HAVING SUM(bytes) <> 0 OR SUM(reserved) <> 0 OR SUM(files) <> 0 OR SUM(uploads) <> 0
		ORDER BY kind, id`)
	return all(scanAccount, rows, err)
}
