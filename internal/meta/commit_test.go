package meta

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"uploadd/test/postgres"
)

// commits remembers what a Store tells of its commits.
type commits struct {
	mu   sync.Mutex
	told []Commit
}

func (c *commits) add(_ context.Context, one Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, one)
}

// take returns what there is, and forgets it.
func (c *commits) take() []Commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.told = nil }()
	return c.told
}

// A commit is told of with the steps in it that did not fail; one without any is none.
func TestCommitsAreToldOf(t *testing.T) {
	var seen commits
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	s.Committed = seen.add
	fails := errors.New("a step that fails")
	good := func() *op {
		return &op{done: make(chan struct{}), do: func(q querier) error {
			_, err := q.exec(t.Context(), `INSERT INTO bin (key, due_at) VALUES (lower(hex(randomblob(16))), 1)`)
			return err
		}}
	}
	bad := func() *op { return &op{done: make(chan struct{}), do: func(querier) error { return fails }} }
	for _, tt := range []struct {
		batch []*op
		steps []int // of each commit
	}{
		{[]*op{good(), bad(), good()}, []int{2}},
		{[]*op{bad()}, nil},
		{[]*op{good()}, []int{1}},
	} {
		// In the place of its goroutine, which has nothing to do.
		if err := s.write.(*committer).commit(tt.batch); err != nil {
			t.Fatal(err)
		}
		told := seen.take()
		if len(told) != len(tt.steps) {
			t.Fatalf("a batch of %d was told of as %v", len(tt.batch), told)
		}
		for i, c := range told {
			if c.Steps != tt.steps[i] || c.Err != nil || c.Took <= 0 {
				t.Errorf("a batch of %d was told of as %+v", len(tt.batch), c)
			}
		}
	}
}

// So is one of PostgreSQL, with its error if it failed, but not a transaction that came
// to none.
func TestPostgresCommitsAreToldOf(t *testing.T) {
	server := postgres.Start(t)
	var seen commits
	s := openPG(t, server.Database())
	s.Committed = seen.add
	if err := s.Reserve(t.Context(), []string{"k"}, 1); err != nil {
		t.Fatal(err)
	}
	if told := seen.take(); len(told) != 1 || told[0].Steps != 1 || told[0].Err != nil || told[0].Took <= 0 {
		t.Errorf("a step was told of as %+v", told)
	}
	fails := errors.New("a step that fails")
	if err := s.write.write(t.Context(), func(querier) error { return fails }); !errors.Is(err, fails) {
		t.Fatal(err)
	}
	if told := seen.take(); len(told) != 0 {
		t.Errorf("a step that failed was told of as %+v", told)
	}
	err := s.write.write(t.Context(), func(q querier) error {
		for _, statement := range []string{
			`CREATE TEMPORARY TABLE once (n INT UNIQUE DEFERRABLE INITIALLY DEFERRED)`, `INSERT INTO once VALUES (1), (1)`,
		} {
			if _, err := q.exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	if told := seen.take(); err == nil || len(told) != 1 || told[0].Err == nil {
		t.Errorf("a commit that failed with %v was told of as %+v", err, told)
	}
}
