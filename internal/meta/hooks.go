package meta

import (
	"context"
	"fmt"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
)

const hookColumns = `id, project, url, events, status, created_at, failed_at, failure`

func hookFields(h *hooks.Hook, events *string) []any {
	return []any{&h.ID, &h.Project, &h.URL, events, &h.Status, &h.CreatedAt, &h.FailedAt, &h.Failure}
}

// scanSigner scans a hook with its secrets, which follow the other columns.
func scanSigner(r result, h *hooks.Hook) error {
	var events string
	err := r.Scan(append(hookFields(h, &events), (*[]byte)(&h.Secret), (*[]byte)(&h.OldSecret), &h.OldUntil)...)
	if err == nil {
		err = h.Events.UnmarshalText([]byte(events))
	}
	return err
}

func scanListed(r result, l *hooks.Listed) error {
	var events string
	err := r.Scan(append(hookFields(&l.Hook, &events), &l.Pending, &l.GivenUp)...)
	if err == nil {
		err = l.Events.UnmarshalText([]byte(events))
	}
	return err
}

// CreateHook records a hook, and its project if there is none of that name. What has
// happened before it is not told.
func (s *Store) CreateHook(ctx context.Context, h *hooks.Hook) error {
	u, err := hooks.ParseURL(h.URL)
	if err != nil {
		return err
	}
	return s.write.write(ctx, func(q querier) error {
		if err := ensureProject(ctx, q, h.Project); err != nil {
			return err
		}
		_, err := q.exec(ctx, `INSERT INTO hooks (id, project, url, events, secret, status, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			h.ID, h.Project, h.URL, h.Events.String(), []byte(h.Secret), string(h.Status), h.CreatedAt)
		if err != nil {
			return err
		}
		return note(ctx, q, h.CreatedAt, uploads.Caller{Project: h.Project}, "hook.create", h.ID,
			fmt.Sprintf("url=%s events=%s", hooks.Place(u), h.Events))
	})
}

// Hook returns a hook that was not removed, with its secrets.
func (s *Store) Hook(ctx context.Context, id string) (*hooks.Hook, error) {
	return hook(ctx, s.read, id)
}

func hook(ctx context.Context, q reader, id string) (*hooks.Hook, error) {
	rows, err := q.query(ctx, `SELECT `+hookColumns+`, secret, old_secret, old_until FROM hooks WHERE id = $1 AND status <> 'removed'`, id)
	return one(scanSigner, rows, err)
}

// Hooks returns the hooks of a project, or of all for "", that were not removed, the
// oldest first and without their secrets.
func (s *Store) Hooks(ctx context.Context, project string) ([]hooks.Listed, error) {
	rows, err := s.read.query(ctx, `SELECT `+hookColumns+`,
		(SELECT COUNT(*) FROM outbox WHERE hook_id = hooks.id AND due_at IS NOT NULL),
		(SELECT COUNT(*) FROM outbox WHERE hook_id = hooks.id AND due_at IS NULL)
		FROM hooks WHERE $1 IN ('', project) AND status <> 'removed' ORDER BY project, created_at, id`, project)
	return all(scanListed, rows, err)
}

// RotateHook gives a hook a new secret. The one before signs as well until until.
func (s *Store) RotateHook(ctx context.Context, id string, fresh hooks.Secret, now, until int64) error {
	return s.write.write(ctx, func(q querier) error {
		h, err := hook(ctx, q, id)
		if err != nil {
			return err
		}
		// The columns on the right are those before.
		_, err = q.exec(ctx, `UPDATE hooks SET old_secret = secret, secret = $2, old_until = $3 WHERE id = $1`, id, []byte(fresh), until)
		if err != nil {
			return err
		}
		return note(ctx, q, now, uploads.Caller{Project: h.Project}, "hook.rotate", id, "")
	})
}

// RemoveHook ends a hook for good. What it was yet to be told is forgotten, and so are its
// secrets.
func (s *Store) RemoveHook(ctx context.Context, id string, now int64) error {
	return s.write.free(ctx, func(q querier) error {
		h, err := hook(ctx, q, id)
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, `DELETE FROM outbox WHERE hook_id = $1`, id); err != nil {
			return err
		}
		n, err := q.exec(ctx, `UPDATE hooks SET status = 'removed', ended_at = $2, secret = NULL, old_secret = NULL
			WHERE id = $1 AND status <> 'removed'`, id, now)
		if err != nil || n == 0 { // somebody else was faster
			return err
		}
		return note(ctx, q, now, uploads.Caller{Project: h.Project}, "hook.remove", id, "")
	})
}

// EndHook implements hooks.Store.
func (s *Store) EndHook(ctx context.Context, id string, now int64, why string) (ended bool, err error) {
	err = s.write.free(ctx, func(q querier) error {
		if _, err := q.exec(ctx, `UPDATE outbox SET due_at = NULL, sending = 0 WHERE hook_id = $1 AND due_at IS NOT NULL`, id); err != nil {
			return err
		}
		rows, err := q.query(ctx, `UPDATE hooks SET status = 'gone', ended_at = $2, failed_at = $2, failure = $3
			WHERE id = $1 AND status = 'active' RETURNING project`, id, now, why)
		project, err := one(scanString, rows, err)
		if ended = err == nil; isMissing(err) { // another attempt was told the same
			return nil
		}
		if err != nil {
			return err
		}
		return note(ctx, q, now, uploads.Caller{Project: *project}, "hook.gone", id, why)
	})
	return ended && err == nil, err
}
