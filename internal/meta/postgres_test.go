package meta

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/internal/access/accesstest"
	"uploadd/internal/hooks/hookstest"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

func openPG(t testing.TB, url string) *Store {
	t.Helper()
	s, err := OpenPostgres(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPostgres(t *testing.T) {
	server := postgres.Start(t)
	uploadstest.TestMeta(t, func(t *testing.T) uploads.Meta { return openPG(t, server.Database()) })
}

func TestPostgresAccess(t *testing.T) {
	server := postgres.Start(t)
	accesstest.TestStore(t, func(t *testing.T) accesstest.Store { return openPG(t, server.Database()) })
}

func TestPostgresHooks(t *testing.T) {
	server := postgres.Start(t)
	hookstest.TestStore(t, func(t *testing.T) hookstest.Store { return openPG(t, server.Database()) })
}

// A step that has certainly not happened is tried again: after a deadlock, on another
// connection when the server has cut this one, and when it was restarted.
func TestPostgresTriesAgain(t *testing.T) {
	server := postgres.Start(t)
	s := openPG(t, server.Database())
	for name, disturb := range map[string]func(context.Context, querier) error{
		"A deadlock": func(ctx context.Context, q querier) error {
			_, err := q.exec(ctx, `DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$`)
			return err
		},
		"A connection that was cut": func(ctx context.Context, q querier) error {
			_, err := q.exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
			return err
		},
		"A restart": func(ctx context.Context, q querier) error {
			server.Stop()
			server.Restart()
			_, err := q.exec(ctx, `SELECT 1`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			err := s.write.write(t.Context(), func(q querier) error {
				if tries++; tries == 1 {
					if err := disturb(t.Context(), q); err == nil {
						t.Error("nothing was disturbed")
					} else {
						return err
					}
				}
				_, err := q.exec(t.Context(), `INSERT INTO bin (key, due_at) VALUES ($1, 1)`, name)
				return err
			})
			if err != nil || tries != 2 {
				t.Errorf("%v after %d tries", err, tries)
			}
			if known, err := s.Known(t.Context(), name); err != nil || !known {
				t.Errorf("the step is not there: %v, %v", known, err)
			}
		})
	}
}

// A commit without an answer may have happened: it is not tried again, and nobody is
// told that it did.
func TestPostgresUnknownOutcome(t *testing.T) {
	s := openPG(t, postgres.Start(t).Database())
	tries := 0
	err := s.write.write(t.Context(), func(q querier) error {
		tries++
		// Fails in mid-commit, as far as the client can tell.
		_, err := q.exec(t.Context(), `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'`)
		if err == nil {
			_, err = q.exec(t.Context(), `CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON bin
				DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
		}
		if err == nil {
			_, err = q.exec(t.Context(), `INSERT INTO bin (key, due_at) VALUES ('k', 1)`)
		}
		return err
	})
	if !errors.Is(err, uploads.ErrUnavailable) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// A process that stops in the middle of a step does not hold up the others for long.
func TestPostgresStoppedInMidStep(t *testing.T) {
	url := postgres.Start(t).Database()
	stopped, other := openPG(t, url), openPG(t, url)
	if err := stopped.SetLimits(t.Context(), "p", 1, func(*uploads.Limits) {}); err != nil {
		t.Fatal(err)
	}
	tries := 0
	err := stopped.write.write(t.Context(), func(q querier) error {
		tries++
		if _, err := q.exec(t.Context(), `UPDATE projects SET files = files + 1`); err != nil || tries > 1 {
			return err
		}
		// The row stays locked, as if this process slept.
		if err := other.SetLimits(t.Context(), "p", 1, func(l *uploads.Limits) { l.Files = 7 }); err != nil {
			t.Error("the other process waited in vain:", err)
		}
		_, err := q.exec(t.Context(), `UPDATE projects SET files = files + 1`)
		return err
	})
	if err != nil || tries != 2 {
		t.Errorf("the one that was stopped: %v after %d tries", err, tries)
	}
	if as, err := other.Projects(t.Context()); err != nil || as[0].Files != 1 || as[0].Limits.Files != 7 {
		t.Errorf("%+v, %v", as, err)
	}
}

// A later version of the schema is used as long as it lets this one.
func TestPostgresLaterVersion(t *testing.T) {
	url := postgres.Start(t).Database()
	s := openPG(t, url)
	later := func(statement string) {
		err := s.write.write(t.Context(), func(q querier) error {
			_, err := q.exec(t.Context(), statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	later(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
	openPG(t, url)
	later(`UPDATE oldest_version SET version = 998`)
	for name, open := range map[string]func(context.Context, string) (*Store, error){
		"to write": OpenPostgres, "to read": OpenPostgresReadOnly,
	} {
		if _, err := open(t.Context(), url); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "use a newer one") {
			t.Errorf("opened %s: %v", name, err)
		}
	}
}

// Many that start at once on an empty database make the schema once.
func TestPostgresManyStart(t *testing.T) {
	url := postgres.Start(t).Database()
	if _, err := OpenPostgresReadOnly(t.Context(), url); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty database, to read: %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := OpenPostgres(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	reader, err := OpenPostgresReadOnly(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Reserve(t.Context(), []string{"k"}, 1); err == nil {
		t.Error("a database opened for reading was written")
	}
}

// The clock is the database's, whatever this machine's says: the two run on one here,
// so it cannot be far off, and it does not stand still.
func TestPostgresClock(t *testing.T) {
	s := openPG(t, postgres.Start(t).Database())
	first := s.Wall()()
	if off := time.Since(first).Abs(); off > time.Minute {
		t.Errorf("the database's clock is off by %s", off)
	}
	time.Sleep(20 * time.Millisecond)
	if passed := s.Wall()().Sub(first); passed < 20*time.Millisecond {
		t.Errorf("%s passed in 20 ms", passed)
	}
	ahead := &databaseClock{began: time.Now()}
	if err := ahead.compare(t.Context(), inAnHour{s.read}); err != nil {
		t.Fatal(err)
	}
	if off := time.Until(ahead.Now()); off < 59*time.Minute || off > 61*time.Minute {
		t.Errorf("a database that is an hour ahead is followed by %s", off)
	}
}

// inAnHour is a database whose clock is an hour ahead.
type inAnHour struct{ reader }

func (r inAnHour) query(ctx context.Context, query string, args ...any) (result, error) {
	return r.reader.query(ctx, strings.Replace(query, "clock_timestamp()", "clock_timestamp() + interval '1 hour'", 1), args...)
}

// A database that acknowledges what it has not flushed is refused; what may lose
// everything with the power is said.
func TestPostgresDurability(t *testing.T) {
	url := postgres.Start(t, "full_page_writes=on", "synchronous_commit=off").Database()
	if _, err := OpenPostgres(t.Context(), url); err == nil || !strings.Contains(err.Error(), "synchronous_commit=on to the URL") {
		t.Errorf("synchronous_commit=off: %v", err)
	}
	s := openPG(t, url+"&synchronous_commit=on")
	if len(s.Doubts()) != 1 || !strings.Contains(s.Doubts()[0], "fsync is off") {
		t.Errorf("doubts: %q", s.Doubts())
	}
	if durable := openPG(t, postgres.Start(t, "fsync=on").Database()); len(durable.Doubts()) != 0 {
		t.Errorf("doubts of a durable one: %q", durable.Doubts())
	}
}

// A user who may only read is refused by what is to write, and will do for the rest.
func TestPostgresReader(t *testing.T) {
	server := postgres.Start(t)
	url := server.Database()
	openPG(t, url)
	server.Exec("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
	url = strings.Replace(url, "postgres@", "reader@", 1)
	if s, err := OpenPostgres(t.Context(), url); err == nil {
		s.Close()
		t.Error("a server was given a user who may not write")
	} else if !strings.Contains(err.Error(), "may not write") {
		t.Error(err)
	}
	s, err := OpenPostgresReadOnly(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
