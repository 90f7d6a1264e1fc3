package meta

import (
	"context"
	"slices"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
)

func (s *Store) Reserve(ctx context.Context, keys []string, due int64) error {
	return each(ctx, s.write.write, keys, `INSERT INTO bin (key, due_at) VALUES ($1, $2)`, due)
}

func (s *Store) Discard(ctx context.Context, keys []string, due int64) error {
	// Marked no more: if the janitor is deleting the key's blob, it may have come
	// before the blob, and comes again.
	return each(ctx, s.write.free, keys, `
		INSERT INTO bin (key, due_at) SELECT $1, CAST($2 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM parts WHERE id = $1)
		ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, doomed = 0`, due)
}

func (s *Store) Forget(ctx context.Context, keys []string) error {
	return each(ctx, s.write.free, keys, `DELETE FROM bin WHERE key = $1 AND doomed = 1`)
}

// each runs a statement for every key, in one transaction of write.
func each(ctx context.Context, write func(context.Context, func(querier) error) error, keys []string, query string, args ...any) error {
	if len(keys) == 0 {
		return nil
	}
	lists := make([][]any, len(keys))
	for i, key := range keys {
		lists[i] = append([]any{key}, args...)
	}
	return write(ctx, func(q querier) error {
		_, err := q.each(ctx, query, lists)
		return err
	})
}

// found reports whether a query has a row. The steps of the janitor ask before
// they write: an idle server then writes nothing.
func (s *Store) found(ctx context.Context, query string, args ...any) (bool, error) {
	rows, err := s.read.query(ctx, query+` LIMIT 1`, args...)
	_, err = one(scanInt, rows, err)
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

const (
	expiredUploads = ` FROM uploads WHERE status = 'pending' AND expires_at <= $1`
	expiredFiles   = ` FROM files WHERE deleted_at IS NULL AND expires_at > 0 AND expires_at <= $1`
	// What hooks are yet to be told is remembered until they have been.
	endedUploads = ` FROM uploads WHERE ended_at IS NOT NULL AND ended_at < $1
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE object = uploads.id AND due_at IS NOT NULL)`
	deletedFiles = ` FROM files WHERE deleted_at IS NOT NULL AND deleted_at < $1
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE object = files.id AND due_at IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE object = files.upload_id AND due_at IS NOT NULL)`
	oldEvents = ` FROM audit WHERE at < $1`
)

func (s *Store) Expire(ctx context.Context, now, due int64, limit int) (ended int, err error) {
	uploadsUp, err := s.found(ctx, `SELECT 1`+expiredUploads, now)
	if err != nil {
		return 0, err
	}
	filesUp, err := s.found(ctx, `SELECT 1`+expiredFiles, now)
	if err != nil || !uploadsUp && !filesUp {
		return 0, err
	}
	var told told
	err = s.write.free(ctx, func(q querier) error {
		told = 0
		uploadIDs, err := mark(ctx, q, `SELECT id`+expiredUploads+` LIMIT $2`,
			`UPDATE uploads SET status = 'expired', ended_at = expires_at WHERE id = $1 AND status = 'pending'`, now, limit)
		if err != nil {
			return err
		}
		fileIDs, err := mark(ctx, q, `SELECT id`+expiredFiles+` LIMIT $2`,
			`UPDATE files SET deleted_at = expires_at WHERE id = $1 AND deleted_at IS NULL`, now, limit-len(uploadIDs))
		if err != nil {
			return err
		}
		ended = len(uploadIDs) + len(fileIDs)
		freed := tally{}
		for _, id := range uploadIDs {
			h, err := endUpload(ctx, q, id, due, freed)
			if err == nil && h.hooked {
				err = told.record(ctx, q, hooks.UploadExpired, h.project, id, "", now)
			}
			if err != nil {
				return err
			}
		}
		for _, id := range fileIDs {
			f, err := dropFile(ctx, q, id, due, freed)
			if err == nil && f.hooked {
				err = told.record(ctx, q, hooks.FileDeleted, f.Project, id, hooks.Expired, now)
			}
			if err != nil {
				return err
			}
		}
		return freed.settle(ctx, q)
	})
	return ended, s.announce(told, err)
}

// mark runs set for the ids that a query finds, in their order, and returns those that
// it changed: another node may have been faster.
func mark(ctx context.Context, q querier, query, set string, args ...any) (marked []string, err error) {
	rows, err := q.query(ctx, query, args...)
	ids, err := all(scanString, rows, err)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	for _, id := range ids {
		n, err := q.exec(ctx, set, id)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			marked = append(marked, id)
		}
	}
	return marked, nil
}

// auditedFor is how much longer the audit log remembers than other records, in
// seconds: a year.
const auditedFor = 365 * 24 * 3600

func (s *Store) Purge(ctx context.Context, before int64, limit int) (forgotten int, err error) {
	uploadsOld, err := s.found(ctx, `SELECT 1`+endedUploads, before)
	if err != nil {
		return 0, err
	}
	filesOld, err := s.found(ctx, `SELECT 1`+deletedFiles, before)
	if err != nil {
		return 0, err
	}
	eventsOld, err := s.found(ctx, `SELECT 1`+oldEvents, before-auditedFor)
	if err != nil || !uploadsOld && !filesOld && !eventsOld {
		return 0, err
	}
	err = s.write.free(ctx, func(q querier) error {
		n, err := q.exec(ctx, `DELETE FROM uploads WHERE seq IN (SELECT seq`+endedUploads+` LIMIT $2)`, before, limit)
		if err != nil {
			return err
		}
		m, err := q.exec(ctx, `DELETE FROM files WHERE seq IN (SELECT seq`+deletedFiles+` LIMIT $2)`, before, limit)
		if err != nil {
			return err
		}
		l, err := q.exec(ctx, `DELETE FROM audit WHERE seq IN (SELECT seq`+oldEvents+` LIMIT $2)`, before-auditedFor, limit)
		forgotten = int(max(n, m, l)) // each may have filled the batch
		return err
	})
	return forgotten, err
}

func (s *Store) Doom(ctx context.Context, now, again int64, limit int) (keys []string, err error) {
	due, err := s.found(ctx, `SELECT 1 FROM bin WHERE due_at <= $1`, now)
	if err != nil || !due {
		return nil, err
	}
	err = s.write.free(ctx, func(q querier) error {
		// due_at is asked twice: the second time of the row as another node left it.
		rows, err := q.query(ctx, `
			UPDATE bin SET doomed = 1, due_at = $2 WHERE due_at <= $1 AND key IN (
				SELECT key FROM bin WHERE due_at <= $1
				AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.id = bin.key)
				ORDER BY due_at LIMIT $3)
			RETURNING key`, now, again, limit)
		keys, err = all(scanString, rows, err)
		return err
	})
	return keys, err
}

func (s *Store) Recover(ctx context.Context, now, due, horizon int64) error {
	return s.write.free(ctx, func(q querier) error {
		if _, err := q.exec(ctx, `UPDATE bin SET due_at = $1 WHERE due_at > $2`, due, horizon); err != nil {
			return err
		}
		_, err := q.exec(ctx, `UPDATE uploads SET created_at = $1, expires_at = $1 + (expires_at - created_at)
			WHERE status = 'pending' AND expires_at > $1 AND created_at > $1`, now)
		return err
	})
}

func (s *Store) Bin(ctx context.Context, after string, limit int) ([]uploads.BinEntry, error) {
	rows, err := s.read.query(ctx, `SELECT key, due_at, doomed FROM bin WHERE key > $1 ORDER BY key LIMIT $2`, after, limit)
	return all(func(r result, e *uploads.BinEntry) error {
		var doomed int64
		err := r.Scan(&e.Key, &e.Due, &doomed)
		e.Doomed = doomed != 0
		return err
	}, rows, err)
}

func (s *Store) Known(ctx context.Context, key string) (bool, error) {
	return s.found(ctx, `SELECT 1 FROM bin WHERE key = $1 UNION ALL SELECT 1 FROM parts WHERE id = $1
		UNION ALL SELECT 1 FROM marker WHERE key = $1 UNION ALL SELECT 1 FROM arrivals WHERE key = $1`, key)
}

func (s *Store) AllParts(ctx context.Context, after int64, limit int) ([]uploads.Part, error) {
	rows, err := s.read.query(ctx, `SELECT `+partColumns+` FROM parts WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	return all(scanPart, rows, err)
}

func (s *Store) AllFiles(ctx context.Context, after, now int64, limit int) ([]uploads.File, error) {
	rows, err := s.read.query(ctx, `SELECT `+fileColumns+` FROM files
		WHERE seq > $1 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $2) ORDER BY seq LIMIT $3`, after, now, limit)
	return all(scanFile, rows, err)
}

func (s *Store) Orphans(ctx context.Context, limit int) ([]uploads.Part, error) {
	rows, err := s.read.query(ctx, `SELECT `+partColumns+` FROM parts
		WHERE file_id IS NULL AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.id = parts.upload_id AND status = 'pending')
		   OR file_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM files WHERE files.id = parts.file_id AND deleted_at IS NULL)
		ORDER BY seq LIMIT $1`, limit)
	return all(scanPart, rows, err)
}
