package doctor

import (
	"database/sql"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"uploadd/internal/uploads/uploadstest"
)

// pageSize is SQLite's, unless it is told another.
const pageSize = 4096

func open(t testing.TB, path string) *sql.DB {
	t.Helper()
	db := uploadstest.Must(sql.Open("sqlite", path))(t)
	t.Cleanup(func() { db.Close() })
	return db
}

func statement(t testing.TB, path, text string) {
	t.Helper()
	if _, err := open(t, path).Exec(text); err != nil {
		t.Fatal(err)
	}
}

// rootOf is the first page of a table, the first of the database being 1.
func rootOf(t testing.TB, path, table string) (page int64) {
	t.Helper()
	if err := open(t, path).QueryRow(`SELECT rootpage FROM sqlite_master WHERE name = $1`, table).Scan(&page); err != nil {
		t.Fatal(err)
	}
	return page
}
