package meta

import (
	"context"
	"testing"

	"uploadd/internal/uploads"
	"uploadd/test/postgres"
)

// counted counts the statements of steps.
type counted struct {
	writer
	n *int
}

func (c counted) write(ctx context.Context, do func(querier) error) error {
	return c.writer.write(ctx, func(q querier) error { return do(countedQuerier{q, c.n}) })
}

type countedQuerier struct {
	querier
	n *int
}

func (q countedQuerier) exec(ctx context.Context, query string, args ...any) (int64, error) {
	*q.n++
	return q.querier.exec(ctx, query, args...)
}

func (q countedQuerier) query(ctx context.Context, query string, args ...any) (result, error) {
	*q.n++
	return q.querier.query(ctx, query, args...)
}

// Each statement of a step is a way to the database and back, while the Upload's record
// is locked: those who send Parts of it wait for each other.
func TestPostgresStepsAreShort(t *testing.T) {
	s := openPG(t, postgres.Start(t).Database())
	err := s.CreateUpload(t.Context(), &uploads.Upload{ID: "u", Project: "p", Filename: "f", Purpose: "user_data",
		Status: "pending", Bytes: 3, CreatedAt: 1, ExpiresAt: 100})
	if err == nil {
		err = s.Reserve(t.Context(), []string{"part"}, 50)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	s.write = counted{s.write, &n}
	part := &uploads.Part{ID: "part", UploadID: "u", Bytes: 3, CreatedAt: 1}
	if err := s.AddPart(t.Context(), "p", part, 1, uploads.Bounds{Bytes: 3, Parts: 1}); err != nil || n > 3 {
		t.Errorf("a part: %d statements, %v", n, err)
	}
}
