package meta

import (
	"context"
	"database/sql"

	"uploadd/internal/uploads"
)

func (s *Store) Reserve(ctx context.Context, keys []string, due int64) error {
	return s.each(ctx, s.write.write, keys, `INSERT INTO bin (key, due_at) VALUES ($1, $2)`, due)
}

func (s *Store) Discard(ctx context.Context, keys []string, due int64) error {
	// Marked no more: if the janitor is deleting the key's blob, it may have come
	// before the blob, and comes again.
	return s.each(ctx, s.write.free, keys, `
		INSERT INTO bin (key, due_at) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM parts WHERE id = $1)
		ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, doomed = 0`, due)
}

func (s *Store) Forget(ctx context.Context, keys []string) error {
	return s.each(ctx, s.write.free, keys, `DELETE FROM bin WHERE key = $1 AND doomed = 1`)
}

// each runs a statement for every key, in one transaction of write.
func (s *Store) each(ctx context.Context, write func(context.Context, func(querier) error) error, keys []string, query string, args ...any) error {
	if len(keys) == 0 {
		return nil
	}
	return write(ctx, func(q querier) error {
		for _, key := range keys {
			if _, err := q.exec(ctx, query, append([]any{key}, args...)...); err != nil {
				return err
			}
		}
		return nil
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
	endedUploads   = ` FROM uploads WHERE ended_at IS NOT NULL AND ended_at < $1`
	deletedFiles   = ` FROM files WHERE deleted_at IS NOT NULL AND deleted_at < $1`
	oldEvents      = ` FROM audit WHERE at < $1`
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
	err = s.write.free(ctx, func(q querier) error {
		ended = 0
		rows, err := q.query(ctx, `SELECT id`+expiredUploads+` LIMIT $2`, now, limit)
		ids, err := all(scanString, rows, err)
		if err != nil {
			return err
		}
		for _, id := range ids {
			// Compared again: another node may have ended it since.
			n, err := q.exec(ctx, `UPDATE uploads SET status = 'expired', ended_at = expires_at WHERE id = $1 AND status = 'pending'`, id)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			ended++
			if err := endUpload(ctx, q, id, due); err != nil {
				return err
			}
		}
		rows, err = q.query(ctx, `SELECT id`+expiredFiles+` LIMIT $2`, now, limit-ended)
		ids, err = all(scanString, rows, err)
		if err != nil {
			return err
		}
		for _, id := range ids {
			n, err := q.exec(ctx, `UPDATE files SET deleted_at = expires_at WHERE id = $1 AND deleted_at IS NULL`, id)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			ended++
			if err := dropFile(ctx, q, id, due); err != nil {
				return err
			}
		}
		return nil
	})
	return ended, err
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

func (s *Store) Doom(ctx context.Context, now int64, limit int) (keys []string, err error) {
	due, err := s.found(ctx, `SELECT 1 FROM bin WHERE due_at <= $1`, now)
	if err != nil || !due {
		return nil, err
	}
	err = s.write.free(ctx, func(q querier) error {
		rows, err := q.query(ctx, `
			UPDATE bin SET doomed = 1 WHERE key IN (
				SELECT key FROM bin WHERE due_at <= $1
				AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.id = bin.key)
				ORDER BY due_at LIMIT $2)
			RETURNING key`, now, limit)
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
	return all(func(rows *sql.Rows, e *uploads.BinEntry) error { return rows.Scan(&e.Key, &e.Due, &e.Doomed) }, rows, err)
}

func (s *Store) Known(ctx context.Context, key string) (bool, error) {
	return s.found(ctx, `SELECT 1 FROM bin WHERE key = $1 UNION ALL SELECT 1 FROM parts WHERE id = $1`, key)
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
