package meta

import (
	"context"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
)

const uploadColumns = `seq, id, project, key_id, filename, purpose, mime_type, bytes, status, created_at, expires_at, file_life, COALESCE(file_id, '')`

func scanUpload(r result, u *uploads.Upload) error {
	return r.Scan(&u.Seq, &u.ID, &u.Project, &u.Key, &u.Filename, &u.Purpose, &u.MimeType, &u.Bytes, &u.Status,
		&u.CreatedAt, &u.ExpiresAt, &u.FileLife, &u.FileID)
}

func (s *Store) CreateUpload(ctx context.Context, u *uploads.Upload) error {
	return s.write.write(ctx, func(q querier) error {
		_, err := q.exec(ctx, `
			INSERT INTO uploads (id, project, key_id, filename, purpose, mime_type, bytes, status, created_at, expires_at, file_life)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			u.ID, u.Project, u.Key, u.Filename, u.Purpose, u.MimeType, u.Bytes, u.Status, u.CreatedAt, u.ExpiresAt, u.FileLife)
		if err != nil {
			return err
		}
		return charge{reserved: u.Bytes, uploads: 1}.to(ctx, q, u.Project, u.Key)
	})
}

func (s *Store) Upload(ctx context.Context, project, id string) (*uploads.Upload, error) {
	rows, err := s.read.query(ctx, `SELECT `+uploadColumns+` FROM uploads WHERE project = $1 AND id = $2`, project, id)
	return one(scanUpload, rows, err)
}

func (s *Store) Uploads(ctx context.Context, project string, p uploads.Page) ([]uploads.Upload, error) {
	return listed(ctx, s.read, scanUpload, uploadColumns, "uploads", "1 = 1", project, p)
}

// swap is the compare-and-swap that takes a pending Upload to its next state, and
// returns what it holds by then. It comes first in its transaction: it decides the race
// and locks the row.
func swap(ctx context.Context, q querier, project, id string, now int64, set string, args ...any) (*held, error) {
	rows, err := q.query(ctx,
		`UPDATE uploads SET `+set+` WHERE project = $1 AND id = $2 AND status = 'pending' AND expires_at > $3 RETURNING `+heldColumns,
		append([]any{project, id, now}, args...)...)
	h, err := one(scanHeld, rows, err)
	if isMissing(err) {
		err = uploads.ErrConflict
	}
	return h, err
}

func (s *Store) AddPart(ctx context.Context, project string, p *uploads.Part, now int64, bounds uploads.Bounds) error {
	return s.write.write(ctx, func(q querier) error {
		now, err := swap(ctx, q, project, p.UploadID, now, `added_bytes = added_bytes + $4, added_parts = added_parts + 1`, p.Bytes)
		if err != nil {
			return err
		}
		if now.added > bounds.Bytes || now.parts > int64(bounds.Parts) {
			return uploads.ErrTooMuch
		}
		before := *now
		before.added -= p.Bytes
		if err := insertPart(ctx, q, p); err != nil {
			return err
		}
		if more := now.reserved() - before.reserved(); more > 0 {
			return charge{reserved: more}.to(ctx, q, now.project, now.key)
		}
		return nil
	})
}

// insertPart takes the Part's key out of the bin and records it.
func insertPart(ctx context.Context, q querier, p *uploads.Part) error {
	if err := change(ctx, q, uploads.ErrLostKey, `DELETE FROM bin WHERE key = $1 AND doomed = 0`, p.ID); err != nil {
		return err
	}
	_, err := q.exec(ctx, `
		INSERT INTO parts (id, upload_id, file_id, bytes, padding, crc32c, sums, created_at)
		VALUES ($1, NULLIF($2, ''), NULLIF($3, ''), $4, $5, $6, $7, $8)`,
		p.ID, p.UploadID, p.FileID, p.Bytes, p.Padding, p.CRC32C, p.Sums, p.CreatedAt)
	return err
}

const partColumns = `seq, id, COALESCE(upload_id, ''), COALESCE(file_id, ''), start, bytes, padding, crc32c, sums, created_at`

func scanPart(r result, p *uploads.Part) error {
	return r.Scan(&p.Seq, &p.ID, &p.UploadID, &p.FileID, &p.Offset, &p.Bytes, &p.Padding, &p.CRC32C, &p.Sums, &p.CreatedAt)
}

func (s *Store) Parts(ctx context.Context, project, uploadID string, p uploads.Page) ([]uploads.Part, error) {
	direction, compare, from := "ASC", ">", int64(0)
	if p.Desc {
		direction, compare, from = "DESC", "<", 1<<62
	}
	if p.After != "" {
		rows, err := s.read.query(ctx, `SELECT seq FROM parts WHERE upload_id = $1 AND id = $2`+ofUpload, uploadID, p.After, project)
		seq, err := one(scanInt, rows, err)
		if err != nil {
			return nil, err
		}
		from = *seq
	}
	rows, err := s.read.query(ctx, `SELECT `+partColumns+` FROM parts
		WHERE upload_id = $1 AND seq `+compare+` $2`+ofUpload+` ORDER BY seq `+direction+` LIMIT $4`, uploadID, from, project, p.Limit)
	return all(scanPart, rows, err)
}

// Parts have no project of their own: they are those of the Upload or File that
// is asked for, if that is the project's.
const (
	ofUpload = ` AND EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND project = $3)`
	ofFile   = ` AND EXISTS (SELECT 1 FROM files WHERE id = $1 AND project = $2)`
)

func (s *Store) Complete(ctx context.Context, f *uploads.File, parts []uploads.Part, now, due int64) error {
	var told told
	err := s.write.write(ctx, func(q querier) error {
		told = 0
		h, err := swap(ctx, q, f.Project, f.UploadID, now, `status = 'completed', file_id = $4`, f.ID)
		if err != nil {
			return err
		}
		if err := insertFile(ctx, q, f); err != nil {
			return err
		}
		if err := placeParts(ctx, q, f, parts); err != nil {
			return err
		}
		if err := letGo(ctx, q, `upload_id = $1 AND file_id IS NULL`, f.UploadID, due); err != nil {
			return err
		}
		if h.hooked {
			if err := told.record(ctx, q, hooks.UploadCompleted, h.project, f.UploadID, "", now); err != nil {
				return err
			}
		}
		return h.letGo(charge{bytes: f.Bytes, files: 1}).to(ctx, q, h.project, h.key)
	})
	return s.announce(told, err)
}

// placeParts makes parts those of the File, in their order.
func placeParts(ctx context.Context, q querier, f *uploads.File, parts []uploads.Part) error {
	places := make([][]any, len(parts))
	for i := range parts {
		places[i] = []any{f.ID, i, parts[i].Offset, parts[i].ID, f.UploadID}
	}
	n, err := q.each(ctx, `UPDATE parts SET file_id = $1, position = $2, start = $3
		WHERE id = $4 AND upload_id = $5 AND file_id IS NULL`, places)
	if err == nil && n != int64(len(parts)) {
		err = uploads.ErrConflict
	}
	return err
}

// letGo puts the keys of the Parts that where selects by id into the bin and
// drops their records.
func letGo(ctx context.Context, q querier, where, id string, due int64) error {
	_, err := q.exec(ctx, `INSERT INTO bin (key, due_at) SELECT id, CAST($2 AS BIGINT) FROM parts WHERE `+where+`
		ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, doomed = 0`, id, due)
	if err != nil {
		return err
	}
	_, err = q.exec(ctx, `DELETE FROM parts WHERE `+where, id)
	return err
}

func (s *Store) Cancel(ctx context.Context, project, id string, now, due int64) error {
	return s.write.free(ctx, func(q querier) error {
		if _, err := swap(ctx, q, project, id, now, `status = 'cancelled', ended_at = $3`); err != nil {
			return err
		}
		freed := tally{}
		if _, err := endUpload(ctx, q, id, due, freed); err != nil {
			return err
		}
		return freed.settle(ctx, q)
	})
}

// endUpload lets go of all that an Upload held, just marked as ended.
func endUpload(ctx context.Context, q querier, id string, due int64, freed tally) (*held, error) {
	if err := letGo(ctx, q, `upload_id = $1`, id, due); err != nil {
		return nil, err
	}
	h, err := heldBy(ctx, q, id)
	if err != nil {
		return nil, err
	}
	freed.add(h.project, h.key, h.letGo(charge{}))
	return h, nil
}
