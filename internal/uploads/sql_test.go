package uploads_test

import (
	"database/sql"
	"path/filepath"
)

// sql damages the records behind the store's back.
func (w *world) sql(query string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "uploadd.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		w.t.Fatal(err)
	}
}
