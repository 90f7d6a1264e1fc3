package meta

import (
	"context"
	"fmt"
	"strings"

	"uploadd/internal/access"
	"uploadd/internal/uploads"
)

var _ access.Store = (*Store)(nil)

const keyColumns = `id, project, name, hash, scopes, created_at, expires_at, revoked_at`

func scanKey(r result, k *access.Key) error {
	var scopes string
	err := r.Scan(&k.ID, &k.Project, &k.Name, &k.Hash, &scopes, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt)
	if err == nil {
		k.Scopes, err = access.ParseScopes(scopes)
	}
	return err
}

// CreateKey records a key with the most that it may hold.
func (s *Store) CreateKey(ctx context.Context, k *access.Key, l uploads.Limits) error {
	return s.write.write(ctx, func(q querier) error {
		if err := ensureProject(ctx, q, k.Project); err != nil {
			return err
		}
		_, err := q.exec(ctx, `
			INSERT INTO keys (id, project, name, hash, scopes, created_at, expires_at, max_bytes, max_files, max_uploads, max_requests)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			k.ID, k.Project, k.Name, k.Hash, k.Scopes.String(), k.CreatedAt, k.ExpiresAt, l.Bytes, l.Files, l.Uploads, l.Requests)
		if err != nil {
			return err
		}
		return note(ctx, q, k.CreatedAt, uploads.Caller{Project: k.Project}, "key.create", k.ID, fmt.Sprintf("scopes=%s expires_at=%d %s", k.Scopes, k.ExpiresAt, describe(l)))
	})
}

// Key returns a key, whatever became of it.
func (s *Store) Key(ctx context.Context, id string) (*access.Key, error) {
	rows, err := s.read.query(ctx, `SELECT `+keyColumns+` FROM keys WHERE id = $1`, id)
	return one(scanKey, rows, err)
}

// Keys returns the keys of a project, or of all for "", the oldest first.
func (s *Store) Keys(ctx context.Context, project string) ([]access.Key, error) {
	rows, err := s.read.query(ctx, `SELECT `+keyColumns+` FROM keys WHERE $1 IN ('', project) ORDER BY project, created_at, id`, project)
	return all(scanKey, rows, err)
}

// AnyKey reports whether there ever was a key.
func (s *Store) AnyKey(ctx context.Context) (bool, error) { return s.found(ctx, `SELECT 1 FROM keys`) }

// RevokeKey ends a key for good.
func (s *Store) RevokeKey(ctx context.Context, id string, now int64) error {
	return s.write.free(ctx, func(q querier) error {
		rows, err := q.query(ctx, `SELECT `+keyColumns+` FROM keys WHERE id = $1`, id)
		k, err := one(scanKey, rows, err)
		if err != nil || k.RevokedAt != 0 {
			return err
		}
		n, err := q.exec(ctx, `UPDATE keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0`, id, now)
		if err != nil || n == 0 { // somebody else was faster
			return err
		}
		return note(ctx, q, now, uploads.Caller{Project: k.Project}, "key.revoke", id, "")
	})
}

// Projects returns the accounts of all projects by name.
func (s *Store) Projects(ctx context.Context) ([]uploads.Account, error) {
	rows, err := s.read.query(ctx, `SELECT `+ofProjects.columns+` FROM projects ORDER BY name`)
	return all(scanAccount, rows, err)
}

// SetLimits changes what a project may hold, and makes the project if there is none.
func (s *Store) SetLimits(ctx context.Context, project string, now int64, set func(*uploads.Limits)) error {
	return s.write.write(ctx, func(q querier) error {
		if err := ensureProject(ctx, q, project); err != nil {
			return err
		}
		// Locked, for others that change them.
		if _, err := q.exec(ctx, `UPDATE projects SET name = name WHERE name = $1`, project); err != nil {
			return err
		}
		a, err := ofProjects.one(ctx, q, project)
		if err != nil {
			return err
		}
		l := a.Limits
		set(&l)
		_, err = q.exec(ctx, `UPDATE projects SET max_bytes = $2, max_files = $3, max_uploads = $4, max_requests = $5 WHERE name = $1`,
			project, l.Bytes, l.Files, l.Uploads, l.Requests)
		if err != nil {
			return err
		}
		return note(ctx, q, now, uploads.Caller{Project: project}, "project.limits", project, describe(l))
	})
}

// note writes into the audit log, in the transaction of what it notes.
func note(ctx context.Context, q querier, at int64, by uploads.Caller, action, object, detail string) error {
	_, err := q.exec(ctx, `INSERT INTO audit (at, project, key_id, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		at, by.Project, by.Key, action, object, detail)
	return err
}

// describe writes limits for the audit log.
func describe(l uploads.Limits) string {
	var parts []string
	for _, of := range []struct {
		name  string
		limit int64
	}{{"max_bytes", l.Bytes}, {"max_files", l.Files}, {"max_uploads", l.Uploads}, {"max_requests", l.Requests}} {
		if of.limit != uploads.Unlimited {
			parts = append(parts, fmt.Sprintf("%s=%d", of.name, of.limit))
		}
	}
	return strings.Join(parts, " ")
}

// Events returns what the audit log holds of a project, or of all for "", after
// the event with the sequence after.
func (s *Store) Events(ctx context.Context, project string, after int64, limit int) ([]access.Event, error) {
	rows, err := s.read.query(ctx, `SELECT seq, at, project, key_id, action, object, detail FROM audit
		WHERE seq > $2 AND $1 IN ('', project) ORDER BY seq LIMIT $3`, project, after, limit)
	return all(func(r result, e *access.Event) error {
		return r.Scan(&e.Seq, &e.At, &e.Project, &e.Key, &e.Action, &e.Object, &e.Detail)
	}, rows, err)
}
