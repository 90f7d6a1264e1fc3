package meta

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := OpenSQLite(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSQLite(t *testing.T) {
	uploadstest.TestMeta(t, func(t *testing.T) uploads.Meta { return open(t, filepath.Join(t.TempDir(), "x.db")) })
}

// What survives a loss of power depends on these settings alone.
func TestSQLiteDurability(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	err := s.write.write(t.Context(), func(q querier) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
			rows, err := q.query(t.Context(), "PRAGMA "+pragma)
			got, err := one(scanString, rows, err)
			if err != nil {
				return err
			}
			if *got != want {
				t.Errorf("%s is %s, want %s", pragma, *got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A database that would lose its last commits with the power is refused.
func TestSQLiteNotDurable(t *testing.T) {
	for _, pragmas := range [][]string{{"journal_mode(DELETE)", "synchronous(FULL)"}, {"journal_mode(WAL)", "synchronous(NORMAL)"}} {
		db, err := openSQLite(filepath.Join(t.TempDir(), "x.db"), pragmas...)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := verifyDurable(t.Context(), conn); err == nil || !strings.Contains(err.Error(), "cannot keep") {
			t.Errorf("%v: %v", pragmas, err)
		}
	}
}

func TestSQLiteLaterVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	err := s.write.write(t.Context(), func(q querier) error {
		_, err := q.exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := OpenSQLite(t.Context(), path); err == nil || !strings.Contains(err.Error(), "999") {
		t.Errorf("a database of a later version: %v", err)
	}
}

// Reading beside a server needs the schema that the program knows.
func TestSQLiteReadOnlyVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	err := s.write.write(t.Context(), func(q querier) error {
		_, err := q.exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id > 1`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := OpenSQLiteReadOnly(path); err == nil || !strings.Contains(err.Error(), "start its server once") {
		t.Errorf("a database of an earlier version: %v", err)
	}
}

// Nothing is written behind what an earlier process left in the log: a start waits
// for those who read from it.
func TestSQLiteBeginsItsLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	earlier := open(t, path)
	if err := earlier.Reserve(t.Context(), []string{"part_1"}, 5); err != nil {
		t.Fatal(err)
	}
	db, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reader, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRow(`SELECT COUNT(*) FROM bin`).Scan(&n); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := earlier.Reserve(t.Context(), []string{"part_2"}, 5); err != nil { // what the reader does not see
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `PRAGMA busy_timeout = 10`); err != nil {
		t.Fatal(err)
	}
	if err := beginLog(t.Context(), conn); err == nil || !strings.Contains(err.Error(), "another program reads it") {
		t.Errorf("while the log is being read: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := beginLog(t.Context(), conn); err != nil {
		t.Error(err)
	}
}

func TestSQLiteReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	w := open(t, path)
	if err := w.Reserve(t.Context(), []string{"part_1"}, 5); err != nil {
		t.Fatal(err)
	}
	r, err := OpenSQLiteReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if bin, err := r.Bin(t.Context(), "", 9); err != nil || len(bin) != 1 {
		t.Errorf("bin: %v, %v", bin, err)
	}
	if err := r.Forget(t.Context(), []string{"part_1"}); err == nil {
		t.Error("a database open for reading was written")
	}
}

func TestSQLiteClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	if err := s.Reserve(t.Context(), []string{"part_1"}, 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Reserve(t.Context(), []string{"part_1"}, 5); !errors.Is(err, uploads.ErrUnavailable) {
		t.Errorf("a write after Close: %v", err)
	}
	// Who copies the database of a server that was stopped copies one file.
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is left behind: %v", err)
	}
}

// Steps share transactions; a caller that goes away in the middle of one takes
// no other's step with it, and learns how its own ended.
func TestSQLiteCallersLeave(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	var leaving, staying sync.WaitGroup
	stop := make(chan struct{})
	for w := range 8 {
		leaving.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				keys := make([]string, 50)
				for k := range keys {
					keys[k] = fmt.Sprintf("leaving_%d_%d_%d", w, i, k)
				}
				err := s.Reserve(ctx, keys, 5)
				if known, lookup := s.Known(t.Context(), keys[0]); lookup != nil || known != (err == nil) {
					t.Errorf("a step that ended with %v happened: %v, %v", err, known, lookup)
					return
				}
			}
		})
	}
	for w := range 4 {
		staying.Go(func() {
			for i := range 60 {
				if err := s.Reserve(t.Context(), []string{fmt.Sprintf("staying_%d_%d", w, i)}, 5); err != nil {
					t.Errorf("somebody else left, and this step failed: %v", err)
					return
				}
			}
		})
	}
	staying.Wait()
	close(stop)
	leaving.Wait()
}

// Lists must not look at what is not on their page, however many files there are.
func TestQueriesUseIndexes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	for name, query := range map[string]string{
		"expired uploads": `SELECT 1` + expiredUploads,
		"expired files":   `SELECT 1` + expiredFiles,
		"ended uploads":   `SELECT 1` + endedUploads,
		"deleted files":   `SELECT 1` + deletedFiles,
		"bin":             `SELECT 1 FROM bin WHERE due_at <= $1`,
		"reservations":    `SELECT 1 FROM bin WHERE due_at > $1`,
		"uploads ahead":   `SELECT 1 FROM uploads WHERE status = 'pending' AND expires_at > $1 AND created_at > $1`,
		"files": `SELECT id FROM files WHERE project = 'p' AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > 5) AND '' = ''
			AND (created_at, seq) < ($1, 7) ORDER BY created_at DESC, seq DESC LIMIT 100`,
		"files of a purpose": `SELECT id FROM files WHERE project = 'p' AND deleted_at IS NULL AND (expires_at = 0 OR expires_at > 5) AND purpose = 'x'
			AND (created_at, seq) < ($1, 7) ORDER BY created_at DESC, seq DESC LIMIT 100`,
		"uploads":         `SELECT id FROM uploads WHERE project = 'p' AND (created_at, seq) > ($1, 7) ORDER BY created_at, seq LIMIT 100`,
		"parts of upload": `SELECT id FROM parts WHERE upload_id = $1 AND seq > 5 ORDER BY seq LIMIT 10`,
		"parts of file":   `SELECT id FROM parts WHERE file_id = $1 ORDER BY position`,
		"due events":      `SELECT object, type` + strings.NewReplacer("$1", "'h'", "$2", "5").Replace(dueEvents) + ` LIMIT $1`,
		"a claim": `UPDATE outbox SET sending = 1 WHERE hook_id = $1 AND due_at <= 5 AND (object, type) IN (
			SELECT object, type FROM outbox WHERE hook_id = 'h' AND due_at <= 5 ORDER BY due_at LIMIT 8)`,
		"events of long ago": `SELECT 1` + oldEventsOfHooks,
	} {
		rows, err := s.read.query(t.Context(), `EXPLAIN QUERY PLAN `+query, 1)
		if err != nil {
			t.Fatal(name, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN") || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", name, detail)
			}
		}
		rows.Close()
	}
}
