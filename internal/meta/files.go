package meta

import (
	"context"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
)

const fileColumns = `seq, id, project, key_id, COALESCE(upload_id, ''), filename, purpose, bytes, crc32c, parts, created_at, expires_at`

func fields(f *uploads.File) []any {
	return []any{&f.Seq, &f.ID, &f.Project, &f.Key, &f.UploadID, &f.Filename, &f.Purpose, &f.Bytes, &f.CRC32C, &f.Parts,
		&f.CreatedAt, &f.ExpiresAt}
}

func scanFile(r result, f *uploads.File) error { return r.Scan(fields(f)...) }

func insertFile(ctx context.Context, q querier, f *uploads.File) error {
	_, err := q.exec(ctx, `
		INSERT INTO files (id, project, key_id, upload_id, filename, purpose, bytes, crc32c, parts, created_at, expires_at)
		VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $7, $8, $9, $10, $11)`,
		f.ID, f.Project, f.Key, f.UploadID, f.Filename, f.Purpose, f.Bytes, f.CRC32C, f.Parts, f.CreatedAt, f.ExpiresAt)
	return err
}

func (s *Store) CreateFile(ctx context.Context, f *uploads.File, p *uploads.Part) error {
	return s.write.write(ctx, func(q querier) error {
		if err := insertFile(ctx, q, f); err != nil {
			return err
		}
		if err := insertPart(ctx, q, p); err != nil {
			return err
		}
		return charge{bytes: f.Bytes, files: 1}.to(ctx, q, f.Project, f.Key)
	})
}

func (s *Store) File(ctx context.Context, project, id string, now int64) (*uploads.File, error) {
	rows, err := s.read.query(ctx, `SELECT `+fileColumns+` FROM files
		WHERE project = $1 AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, project, id, now)
	return one(scanFile, rows, err)
}

func (s *Store) Files(ctx context.Context, project string, p uploads.Page, now int64) ([]uploads.File, error) {
	return listed(ctx, s.read, scanFile, fileColumns, "files",
		"deleted_at IS NULL AND (expires_at = 0 OR expires_at > $6)", project, p, now)
}

func (s *Store) FileParts(ctx context.Context, project, fileID string) ([]uploads.Part, error) {
	rows, err := s.read.query(ctx, `SELECT `+partColumns+` FROM parts WHERE file_id = $1`+ofFile+` ORDER BY position`, fileID, project)
	return all(scanPart, rows, err)
}

func (s *Store) DeleteFile(ctx context.Context, by uploads.Caller, id string, now, due int64) error {
	var told told
	err := s.write.free(ctx, func(q querier) error {
		told = 0
		err := change(ctx, q, uploads.ErrConflict, `UPDATE files SET deleted_at = $3
			WHERE project = $1 AND id = $2 AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > $3)`, by.Project, id, now)
		if err != nil {
			return err
		}
		if err := note(ctx, q, now, by, "file.delete", id, ""); err != nil {
			return err
		}
		freed := tally{}
		f, err := dropFile(ctx, q, id, due, freed)
		if err != nil {
			return err
		}
		if f.hooked {
			if err := told.record(ctx, q, hooks.FileDeleted, f.Project, id, hooks.Requested, now); err != nil {
				return err
			}
		}
		return freed.settle(ctx, q)
	})
	return s.announce(told, err)
}

// dropped is a File that is gone.
type dropped struct {
	uploads.File
	hooked bool // its project has hooks
}

func scanDropped(r result, f *dropped) error { return r.Scan(append(fields(&f.File), &f.hooked)...) }

// dropFile lets go of what a File, just marked deleted, consisted of.
func dropFile(ctx context.Context, q querier, id string, due int64, freed tally) (*dropped, error) {
	_, err := q.exec(ctx, `
		UPDATE uploads SET ended_at = (SELECT deleted_at FROM files WHERE id = $1)
		WHERE id = (SELECT upload_id FROM files WHERE id = $1)`, id)
	if err != nil {
		return nil, err
	}
	if err := letGo(ctx, q, `file_id = $1`, id, due); err != nil {
		return nil, err
	}
	rows, err := q.query(ctx, `SELECT `+fileColumns+`, `+hookedFile+` FROM files WHERE id = $1`, id)
	f, err := one(scanDropped, rows, err)
	if err != nil {
		return nil, err
	}
	freed.add(f.Project, f.Key, charge{bytes: -f.Bytes, files: -1})
	return f, nil
}
