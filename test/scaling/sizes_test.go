package scaling

import (
	"flag"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var files = flag.Int("files", 20_000, "how many files TestSizes and TestPlans record")

// What PostgreSQL keeps of a File: its rows and its entries in the indexes.
func TestSizes(t *testing.T) {
	server := postgres.Start(t, "max_wal_size=8GB")
	for _, c := range []struct {
		shape       shape
		n           int
		least, most float64 // bytes of a File, as docs/scaling.md has them, with room for other versions
	}{
		{small, *files, 650, 1000},
		{large, *files / 10, 6000, 9000},
	} {
		_, url := open(t, server)
		conn := connect(t, url)
		fill(t, conn, c.shape, c.n)
		rows := uploadstest.Must(conn.Query(t.Context(), `
			SELECT c.relname, c.relkind = 'i', pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i') AND pg_relation_size(c.oid) > 10 * 8192
			ORDER BY 3 DESC`))(t)
		var all float64
		for rows.Next() {
			var name string
			var index bool
			var size int64
			if err := rows.Scan(&name, &index, &size); err != nil {
				t.Fatal(err)
			}
			kind := "table"
			if index {
				kind = "index"
			}
			each := float64(size) / float64(c.n)
			t.Logf("%-36s %s %-22s %7.1f B per File", c.shape.name, kind, name, each)
			all += each
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%-36s all of it: %.0f B per File of %d", c.shape.name, all, c.n)
		if all < c.least || all > c.most {
			t.Errorf("%s: %.0f B per File, want %.0f to %.0f", c.shape.name, all, c.least, c.most)
		}
	}
}
