package meta

import (
	"context"

	"uploadd/internal/uploads"
)

var _ uploads.Marked = (*Store)(nil)

type marker struct {
	key    string
	stored int64
}

func scanMarker(r result, m *marker) error { return r.Scan(&m.key, &m.stored) }

func findMarker(ctx context.Context, q reader) (*marker, error) {
	rows, err := q.query(ctx, `SELECT key, stored FROM marker`)
	return one(scanMarker, rows, err)
}

// MarkerKnown is Marker where nothing is to be changed: a marker that has not been made
// yet is fs.ErrNotExist.
func (s *Store) MarkerKnown(ctx context.Context) (key string, stored bool, err error) {
	m, err := findMarker(ctx, s.read)
	if err != nil {
		return "", false, err
	}
	return m.key, m.stored != 0, nil
}

// Marker implements uploads.Marked.
func (s *Store) Marker(ctx context.Context, fresh string) (key string, stored bool, err error) {
	m, err := findMarker(ctx, s.read)
	if isMissing(err) {
		err = s.write.write(ctx, func(q querier) (err error) {
			// id is always 1: there is one.
			_, err = q.exec(ctx, `INSERT INTO marker (id, key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, fresh)
			if err == nil {
				m, err = findMarker(ctx, q)
			}
			return err
		})
	}
	if err != nil {
		return "", false, err
	}
	return m.key, m.stored != 0, nil
}

// MarkerStored implements uploads.Marked.
func (s *Store) MarkerStored(ctx context.Context) error {
	return s.write.write(ctx, func(q querier) error {
		_, err := q.exec(ctx, `UPDATE marker SET stored = 1`)
		return err
	})
}
