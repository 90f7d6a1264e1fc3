package meta

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uploadd/internal/access"
	"uploadd/internal/blob"
	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/postgres"
)

// kind is a database of a kind. Its openings are those of a server, of a migration to
// it, and for reading.
type kind struct {
	name                   string
	where                  func(t *testing.T) string
	server, target, reader func(ctx context.Context, where string) (*Store, error)
}

func kinds(t *testing.T) []kind {
	server := postgres.Start(t)
	return []kind{
		{"SQLite", func(t *testing.T) string { return filepath.Join(fastDir(t), "x.db") }, OpenSQLite, OpenSQLiteTarget,
			func(_ context.Context, path string) (*Store, error) { return OpenSQLiteReadOnly(path) }},
		{"PostgreSQL", func(*testing.T) string { return server.Database() }, OpenPostgres, OpenPostgresTarget, OpenPostgresReadOnly},
	}
}

// fastDir is a directory in memory, where there is one: no power is lost here.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "meta")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// opened opens a database until the test ends.
func opened(t *testing.T, open func(context.Context, string) (*Store, error), where string) *Store {
	t.Helper()
	s := uploadstest.Must(open(t.Context(), where))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

// fill makes records of every kind.
func fill(t *testing.T, s *Store) {
	t.Helper()
	blobs := uploadstest.Must(blob.OpenDisk(fastDir(t)))(t)
	t.Cleanup(func() { blobs.Close() })
	hook := &hooks.Hook{Project: "default", URL: "https://example.com", Events: hooks.AllTypes, CreatedAt: 6}
	hooks.NewHook(hook)
	if err := s.CreateHook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	svc, l := uploads.New(uploads.Config{Meta: s, Blobs: blobs}), &ledger.Ledger{}
	if !l.Script(t.Context(), svc.For("default")) {
		t.Fatal(l.Faults())
	}
	key := &access.Key{ID: rand.Text(), Project: "team", Name: "für alle", Hash: []byte{0, 1, 255}, Scopes: access.AllScopes, CreatedAt: 7}
	err := errors.Join(s.CreateKey(t.Context(), key, uploads.NoLimits), s.RevokeKey(t.Context(), key.ID, 8),
		s.SetLimits(t.Context(), "team", 9, func(l *uploads.Limits) { l.Files = 3 }))
	if err != nil {
		t.Fatal(err)
	}
}

// dump is every row of a table.
func dump(t *testing.T, s *Store, of table) (rows []string) {
	t.Helper()
	found, err := s.read.query(t.Context(), `SELECT `+of.list()+` FROM `+of.name+` ORDER BY `+of.list())
	list, err := all(func(r result, row *[]any) (err error) {
		*row, err = scanRow(r, len(of.columns))
		return err
	}, found, err)
	for _, row := range list {
		rows = append(rows, fmt.Sprint(row...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// arrive says that the blobs of all Parts are there.
func arrive(t *testing.T, target *Target, from *Store, padding int64) {
	t.Helper()
	parts := uploadstest.Must(from.AllParts(t.Context(), 0, 1000))(t)
	var blobs []uploads.Arrival
	for _, p := range parts {
		blobs = append(blobs, uploads.Arrival{Key: p.ID, Padding: padding})
		if err := target.Expect(t.Context(), []string{p.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := target.Arrive(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
}

// All that the schema has is moved, but what tells databases and their versions apart.
func TestEveryColumnIsMoved(t *testing.T) {
	stay := []string{"arrivals", "goose_db_version", "goose_lock", "marker", "migration", "oldest_version", "origin", "small_blobs"}
	queries := map[string]string{
		"SQLite": `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`,
		"PostgreSQL": `SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
			WHERE table_schema = 'public'`,
	}
	type column struct{ table, name string }
	for _, k := range kinds(t) {
		s := opened(t, k.server, k.where(t))
		rows, err := s.read.query(t.Context(), queries[k.name])
		columns := uploadstest.Must(all(func(r result, c *column) error { return r.Scan(&c.table, &c.name) }, rows, err))(t)
		var left, want int
		for _, t := range moved {
			want += len(t.columns)
		}
		for _, c := range columns {
			i := slices.IndexFunc(moved, func(t table) bool { return t.name == c.table })
			switch {
			case i >= 0 && slices.Contains(moved[i].columns, c.name):
				left++
			case i >= 0 || !slices.Contains(stay, c.table) && !strings.HasPrefix(c.table, "sqlite_"):
				t.Errorf("%s: column %s of %s is not moved", k.name, c.name, c.table)
			}
		}
		if left != want {
			t.Errorf("%s: it has %d of the %d columns that are moved", k.name, left, want)
		}
	}
}

// Between any two kinds of databases the rows come out as they went in: at first, when
// the source has changed since, and beside a server that goes on.
func TestMigration(t *testing.T) {
	all := kinds(t)
	for _, from := range all {
		for _, to := range all {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				src, where := opened(t, from.server, from.where(t)), to.where(t)
				fill(t, src)
				bring(t, to, where, src)
				bring(t, to, where, src)
				s := opened(t, to.server, where) // which goes on behind what came
				last := uploadstest.Must(s.AllParts(t.Context(), 0, 1000))(t)
				fill(t, s)
				if more := uploadstest.Must(s.AllParts(t.Context(), last[len(last)-1].Seq, 1000))(t); len(more) != len(last)/2 {
					t.Errorf("%d parts come behind the %d that were there", len(more), len(last))
				}
			})
		}
	}
}

// bring brings all of src to a database, while src goes on.
func bring(t *testing.T, to kind, where string, src *Store) {
	t.Helper()
	s := opened(t, to.target, where)
	target := uploadstest.Must(s.Target(t.Context(), src))(t)
	arrive(t, target, src, 0)
	moment := uploadstest.Must(src.Snapshot(t.Context()))(t)
	defer moment.Close()
	var total int64
	want := map[string][]string{}
	for _, table := range moved {
		want[table.name] = dump(t, src, table)
		total += int64(len(want[table.name]))
	}
	fill(t, src)
	if n := uploadstest.Must(target.Load(t.Context(), moment, 5))(t); n != total {
		t.Errorf("%d records were moved, want %d", n, total)
	}
	for _, table := range moved {
		if got := dump(t, s, table); !slices.Equal(got, want[table.name]) || len(got) == 0 {
			t.Errorf("%s:\n%s\nwant:\n%s", table.name, strings.Join(got, "\n"), strings.Join(want[table.name], "\n"))
		}
	}
}

// A load happens whole or not at all. What arrived and is not needed goes, and what came
// with another padding is recorded with it.
func TestLoadIsWhole(t *testing.T) {
	src := open(t, filepath.Join(fastDir(t), "x.db"))
	fill(t, src)
	for _, k := range kinds(t) {
		where := k.where(t)
		target := uploadstest.Must(opened(t, k.target, where).Target(t.Context(), src))(t)
		arrive(t, target, src, 7)
		parts := uploadstest.Must(src.AllParts(t.Context(), 0, 1000))(t)
		if err := target.Expect(t.Context(), []string{parts[2].ID, "part_left"}); err != nil {
			t.Fatal(err)
		}
		known := uploadstest.Must(target.Arrived(t.Context(), []string{parts[1].ID, parts[2].ID, "part_left", "part_no"}))(t)
		if len(known) != 3 || known[parts[1].ID] == nil || known[parts[1].ID].Padding != 7 || known[parts[2].ID] != nil || known["part_left"] != nil {
			t.Errorf("%s: known are %v", k.name, known)
		}
		if _, err := target.Load(t.Context(), src, 5); err == nil || !strings.Contains(err.Error(), "of 1 parts have not arrived") {
			t.Errorf("%s: a load without the bytes of a part: %v", k.name, err)
		}
		for _, table := range moved {
			if rows := dump(t, target.Store, table); len(rows) > 0 {
				t.Errorf("%s: a load that failed left %v", k.name, rows)
			}
		}
		if _, err := k.server(t.Context(), where); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: a server on it: %v", k.name, err)
		}
		if _, err := k.reader(t.Context(), where); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: a reader of it: %v", k.name, err)
		}
		if err := target.Arrive(t.Context(), []uploads.Arrival{{Key: parts[2].ID, Padding: 8}}); err != nil {
			t.Fatal(err)
		}
		uploadstest.Must(target.Load(t.Context(), src, 5))(t)
		got := uploadstest.Must(target.AllParts(t.Context(), 0, 1000))(t)
		for i := range parts {
			parts[i].Padding = 7
		}
		if parts[2].Padding = 8; !reflect.DeepEqual(got, parts) {
			t.Errorf("%s: parts %v, want %v", k.name, got, parts)
		}
		bin := uploadstest.Must(target.Bin(t.Context(), "part_kzzz", 10))(t)
		if !slices.Equal(bin, []uploads.BinEntry{{Key: "part_left", Due: 5}}) {
			t.Errorf("%s: the bin has %v", k.name, bin)
		}
		known = uploadstest.Must(target.Arrived(t.Context(), []string{parts[2].ID, "part_left"}))(t)
		if len(known) != 1 || known[parts[2].ID] == nil || known[parts[2].ID].Padding != 8 {
			t.Errorf("%s: known afterwards are %v", k.name, known)
		}
	}
}

// Only the same migration may go on, only its latest run, and only until the records
// are used.
func TestTargetIsTaken(t *testing.T) {
	src, other := open(t, filepath.Join(fastDir(t), "x.db")), open(t, filepath.Join(fastDir(t), "y.db"))
	fill(t, src)
	for _, k := range kinds(t) {
		where := k.where(t)
		s := opened(t, k.target, where)
		first := uploadstest.Must(s.Target(t.Context(), src))(t)
		if _, err := s.Target(t.Context(), other); !errors.Is(err, ErrTaken) {
			t.Errorf("%s: from another source: %v", k.name, err)
		}
		if _, err := s.Target(t.Context(), s); err == nil {
			t.Errorf("%s: its own source was taken", k.name)
		}
		second := uploadstest.Must(s.Target(t.Context(), src))(t)
		if err := first.Expect(t.Context(), []string{"k"}); !errors.Is(err, ErrSuperseded) {
			t.Errorf("%s: a step of a run before: %v", k.name, err)
		}
		if err := first.Stay(t.Context(), true); !errors.Is(err, ErrSuperseded) {
			t.Errorf("%s: staying in a run before: %v", k.name, err)
		}
		if _, err := first.Load(t.Context(), src, 5); !errors.Is(err, ErrSuperseded) {
			t.Errorf("%s: a load of a run before: %v", k.name, err)
		}
		if err := errors.Join(second.Stay(t.Context(), true), second.Stay(t.Context(), true)); err != nil {
			t.Fatal(err)
		}
		uploadstest.Must(second.Load(t.Context(), src, 5))(t)
		opened(t, k.reader, where) // which is no use
		third := uploadstest.Must(s.Target(t.Context(), src))(t)
		if err := third.Stay(t.Context(), false); !errors.Is(err, ErrMoved) {
			t.Errorf("%s: other bytes than in a run before: %v", k.name, err)
		}
		if err := third.Stay(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		uploadstest.Must(third.Load(t.Context(), src, 5))(t)
		opened(t, k.server, where)
		if _, err := s.Target(t.Context(), src); !errors.Is(err, ErrTaken) {
			t.Errorf("%s: after a server has been there: %v", k.name, err)
		}
		used := opened(t, k.server, k.where(t))
		fill(t, used)
		if _, err := used.Target(t.Context(), src); !errors.Is(err, ErrTaken) {
			t.Errorf("%s: of a server: %v", k.name, err)
		}
	}
}
