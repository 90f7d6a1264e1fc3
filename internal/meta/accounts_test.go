package meta

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"uploadd/internal/access/accesstest"
	"uploadd/internal/hooks/hookstest"
	"uploadd/internal/uploads"
)

func TestSQLiteAccess(t *testing.T) {
	accesstest.TestStore(t, func(t *testing.T) accesstest.Store { return open(t, filepath.Join(t.TempDir(), "x.db")) })
}

func TestSQLiteHooks(t *testing.T) {
	hookstest.TestStore(t, func(t *testing.T) hookstest.Store { return open(t, filepath.Join(t.TempDir(), "x.db")) })
}

// An account that does not say what the records say is found, by how much it is off.
func TestMiscounted(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	u := &uploads.Upload{ID: "u", Project: "p", Bytes: 7, Status: "pending", CreatedAt: 1, ExpiresAt: 9}
	if err := s.CreateUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]uploads.Account{
		`UPDATE projects SET bytes = 5, reserved = 7, files = 0, uploads = 1`: {Kind: "project", ID: "p", Bytes: -5},
		`UPDATE projects SET bytes = 0, reserved = 6`:                         {Kind: "project", ID: "p", Reserved: 1},
		`UPDATE projects SET bytes = 0, reserved = 7, files = 2, uploads = 1`: {Kind: "project", ID: "p", Files: -2},
		`UPDATE projects SET bytes = 0, reserved = 7, files = 0, uploads = 0`: {Kind: "project", ID: "p", Uploads: 1},
	} {
		err := s.write.write(t.Context(), func(q querier) error {
			if _, err := q.exec(t.Context(), `UPDATE projects SET bytes = 0, reserved = 7, files = 0, uploads = 1`); err != nil {
				return err
			}
			_, err := q.exec(t.Context(), statement)
			return err
		})
		got, merr := s.Miscounted(t.Context())
		if err != nil || merr != nil {
			t.Fatal(err, merr)
		}
		if diff := cmp.Diff([]uploads.Account{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", statement, diff)
		}
	}
}

// A database of the version before projects had accounts gets them, right.
func TestAccountsOfAnOlderDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := openSQLite(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := fs.Sub(sqliteSchema, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, steps)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, insert := range []string{
		`INSERT INTO uploads (id, project, filename, purpose, mime_type, bytes, status, created_at, expires_at, file_life, added_bytes)
		 VALUES ('u1', 'p', 'f', 'batch', 'm', 10, 'pending', 1, 9, 0, 13), ('u2', 'p', 'f', 'batch', 'm', 10, 'pending', 1, 9, 0, 0),
		        ('u3', 'q', 'f', 'batch', 'm', 10, 'cancelled', 1, 9, 0, 10)`,
		`INSERT INTO files (id, project, filename, purpose, bytes, crc32c, parts, created_at, expires_at, deleted_at)
		 VALUES ('f1', 'p', 'f', 'batch', 3, 0, 1, 1, 0, NULL), ('f2', 'p', 'f', 'batch', 4, 0, 1, 1, 0, 5), ('f3', 'r', 'f', 'batch', 5, 0, 1, 1, 0, NULL)`,
	} {
		if _, err := db.Exec(insert); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	got, err := s.Projects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []uploads.Account{
		{Kind: "project", ID: "p", Limits: uploads.DefaultLimits, Bytes: 3, Reserved: 23, Files: 1, Uploads: 2},
		{Kind: "project", ID: "r", Limits: uploads.DefaultLimits, Bytes: 5, Files: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the accounts (-want +got):\n%s", diff)
	}
	if wrong, err := s.Miscounted(t.Context()); err != nil || len(wrong) != 0 {
		t.Errorf("miscounted: %v, %v", wrong, err)
	}
}
