package meta

import (
	"context"

	"uploadd/internal/hooks"
)

var _ hooks.Store = (*Store)(nil)

// Whether somebody is to be told of what happens to a record is read with the record: a
// project without hooks costs no statement.
const (
	hookedUpload = `EXISTS (SELECT 1 FROM hooks WHERE hooks.project = uploads.project AND hooks.status = 'active')`
	hookedFile   = `EXISTS (SELECT 1 FROM hooks WHERE hooks.project = files.project AND hooks.status = 'active')`
)

// told counts the events that a step has recorded.
type told int64

// record records an event for each hook of the project that wants it, in the transaction
// of what happened. There is no more in it than in a line of the audit log, so that what
// lets go of space can have it on a full disk: what else it tells is in the record of the
// object, which does not change any more.
func (t *told) record(ctx context.Context, q querier, what hooks.Type, project, object, reason string, at int64) error {
	n, err := q.exec(ctx, `INSERT INTO outbox (object, type, hook_id, reason, at, due_at)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), id, CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($4 AS BIGINT) FROM hooks
		WHERE project = $5 AND status = 'active' AND ',' || events || ',' LIKE '%,' || CAST($2 AS TEXT) || ',%'`,
		object, string(what), reason, at, project)
	*t += told(n)
	return err
}

// announce says so if a step that was committed has recorded events. It returns err.
func (s *Store) announce(t told, err error) error {
	if err == nil && t > 0 {
		select {
		case s.announced <- struct{}{}:
		default: // it has been said, and not been heard yet
		}
	}
	return err
}

// Announced implements hooks.Store.
func (s *Store) Announced() <-chan struct{} { return s.announced }

const (
	dueHooks = ` FROM hooks WHERE status = 'active'
		AND EXISTS (SELECT 1 FROM outbox WHERE hook_id = hooks.id AND due_at <= $1)`
	dueEvents = ` FROM outbox WHERE hook_id = $1 AND due_at <= $2 ORDER BY due_at`
)

// DueHooks implements hooks.Store.
func (s *Store) DueHooks(ctx context.Context, now int64) ([]hooks.Hook, error) {
	rows, err := s.read.query(ctx, `SELECT `+hookColumns+`, secret, old_secret, old_until`+dueHooks, now)
	return all(scanSigner, rows, err)
}

// ClaimEvents implements hooks.Store.
func (s *Store) ClaimEvents(ctx context.Context, hook string, now, again int64, limit int) (events []hooks.Event, err error) {
	err = s.write.free(ctx, func(q querier) error {
		// due_at is asked twice: the second time of the row as another node left it.
		rows, err := q.query(ctx, `
			UPDATE outbox SET due_at = $3, sending = 1, attempts = attempts + 1
			WHERE hook_id = $1 AND due_at <= $2 AND (object, type) IN (SELECT object, type`+dueEvents+` LIMIT $4)
			RETURNING hook_id, type, object, reason, at, attempts`, hook, now, again, limit)
		events, err = all(func(r result, e *hooks.Event) error {
			return r.Scan(&e.Hook, &e.Type, &e.Object, &e.Reason, &e.At, &e.Attempts)
		}, rows, err)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range events {
		if err := s.subject(ctx, &events[i]); err != nil {
			return nil, err // they are due again
		}
	}
	return events, nil
}

// subject reads the records that an event is about.
func (s *Store) subject(ctx context.Context, e *hooks.Event) (err error) {
	of := `id`
	if e.Type != hooks.FileDeleted {
		rows, err := s.read.query(ctx, `SELECT `+uploadColumns+` FROM uploads WHERE id = $1`, e.Object)
		if e.Upload, err = one(scanUpload, rows, err); err != nil && !isMissing(err) {
			return err
		}
		of = `upload_id`
	}
	rows, err := s.read.query(ctx, `SELECT `+fileColumns+` FROM files WHERE `+of+` = $1`, e.Object)
	if e.File, err = one(scanFile, rows, err); isMissing(err) {
		return nil // as that of an Upload that expired
	}
	return err
}

// ForgetEvent implements hooks.Store.
func (s *Store) ForgetEvent(ctx context.Context, e *hooks.Event) error {
	return s.write.free(ctx, func(q querier) error {
		_, err := q.exec(ctx, `DELETE FROM outbox WHERE object = $1 AND type = $2 AND hook_id = $3`, e.Object, string(e.Type), e.Hook)
		return err
	})
}

// RepeatEvent implements hooks.Store.
func (s *Store) RepeatEvent(ctx context.Context, e *hooks.Event, now, due int64, why string) error {
	return s.write.free(ctx, func(q querier) error {
		_, err := q.exec(ctx, `UPDATE outbox SET due_at = NULLIF(CAST($5 AS BIGINT), 0), sending = 0
			WHERE object = $1 AND type = $2 AND hook_id = $3 AND attempts = $4 AND due_at IS NOT NULL`,
			e.Object, string(e.Type), e.Hook, e.Attempts, due)
		if err == nil && why != "" {
			_, err = q.exec(ctx, `UPDATE hooks SET failed_at = $2, failure = $3 WHERE id = $1`, e.Hook, now, why)
		}
		return err
	})
}

// FreeEvents implements hooks.Store.
func (s *Store) FreeEvents(ctx context.Context, now, horizon int64) error {
	return s.write.free(ctx, func(q querier) error {
		_, err := q.exec(ctx, `UPDATE outbox SET due_at = $1, sending = 0 WHERE sending = 1 OR due_at > $2`, now, horizon)
		return err
	})
}

// Of hooks that ended nothing is left but a record, which shows a step on its way that
// they have; its events, if there are any, are forgotten.
const (
	oldEventsOfHooks = ` FROM outbox WHERE due_at IS NULL AND at < $1`
	strayEvents      = ` FROM outbox WHERE due_at IS NOT NULL AND hook_id IN (SELECT id FROM hooks WHERE ended_at > 0)`
	endedHooks       = ` FROM hooks WHERE ended_at > 0 AND ended_at < $1`
)

// TidyHooks implements hooks.Store.
func (s *Store) TidyHooks(ctx context.Context, before int64) error {
	old, err := s.found(ctx, `SELECT 1`+oldEventsOfHooks, before)
	if err != nil {
		return err
	}
	stray, err := s.found(ctx, `SELECT 1`+strayEvents)
	if err != nil {
		return err
	}
	ended, err := s.found(ctx, `SELECT 1`+endedHooks, before)
	if err != nil || !old && !stray && !ended {
		return err
	}
	return s.write.free(ctx, func(q querier) error {
		if _, err := q.exec(ctx, `DELETE`+oldEventsOfHooks, before); err != nil {
			return err
		}
		if _, err := q.exec(ctx, `DELETE`+strayEvents); err != nil {
			return err
		}
		_, err := q.exec(ctx, `DELETE`+endedHooks, before)
		return err
	})
}
