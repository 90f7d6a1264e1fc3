package uploads_test

import (
	"database/sql"
	"fmt"
	"path/filepath"

	"uploadd/internal/hooks"
	"uploadd/internal/uploads/uploadstest"
)

// hooked has a hook told of what happens in a project, from here on.
func (w *world) hooked(project string) *hooks.Hook {
	w.t.Helper()
	h := &hooks.Hook{Project: project, URL: "https://example.com", Events: hooks.AllTypes, CreatedAt: w.clock.Load()}
	hooks.NewHook(h)
	fatal(w.t, w.meta.CreateHook(w.t.Context(), h))
	return h
}

// told fails the test unless the hook is told of each change that the records of its
// project show, and of nothing else. Then it ends the hook: its events keep records.
func (w *world) told(what string, h *hooks.Hook) {
	w.t.Helper()
	const happened = `
		SELECT 'upload.' || status || ' ' || id FROM uploads WHERE project = $1 AND status IN ('completed', 'expired')
		UNION ALL SELECT 'file.deleted ' || id || CASE WHEN deleted_at = expires_at THEN ' expired' ELSE ' requested' END
		FROM files WHERE project = $1 AND deleted_at IS NOT NULL ORDER BY 1`
	const told = `SELECT type || ' ' || object || CASE WHEN reason = '' THEN '' ELSE ' ' || reason END FROM outbox WHERE hook_id = $1 ORDER BY 1`
	want, got := w.rows(happened, h.Project), w.rows(told, h.ID)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Fatalf("%s: the hook is told\n%s\nand there happened\n%s", what, got, want)
	}
	w.events += len(got)
	fatal(w.t, w.meta.RemoveHook(w.t.Context(), h.ID, w.clock.Load()))
}

// rows is what a query of the records says, read beside the store.
func (w *world) rows(query, arg string) (list []string) {
	w.t.Helper()
	if w.beside == nil {
		w.beside = uploadstest.Must(sql.Open("sqlite", filepath.Join(w.dir, "uploadd.db")))(w.t)
		w.t.Cleanup(func() { w.beside.Close() })
	}
	rows := uploadstest.Must(w.beside.QueryContext(w.t.Context(), query, arg))(w.t)
	defer rows.Close()
	for rows.Next() {
		var row string
		fatal(w.t, rows.Scan(&row))
		list = append(list, row)
	}
	fatal(w.t, rows.Err())
	return list
}
