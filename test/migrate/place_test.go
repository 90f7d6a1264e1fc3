// Package migrate moves what a server keeps from store to store, and holds what comes
// out to what went in.
package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// place is where a server keeps its data.
type place struct{ data, meta, blobs string }

// flags of a command at this place; of a migration to it with another beginning.
func (p place) flags(beginning string) (flags []string) {
	for name, value := range map[string]string{"data": p.data, "meta": p.meta, "blobs": p.blobs} {
		if value != "" {
			flags = append(flags, "--"+beginning+name+"="+value)
		}
	}
	slices.Sort(flags)
	return flags
}

// stores are those that places are made in.
type stores struct {
	records *postgres.Server
	bytes   *s3test.Store
	made    int
}

func newStores(t *testing.T) *stores {
	s3test.Credentials()
	return &stores{records: postgres.Start(t), bytes: s3test.Versitygw(t, false)}
}

// The kinds of places.
const (
	sqliteDirectory = iota
	postgresBucket
	postgresDirectory
	sqliteBucket
)

// place returns a new one.
func (s *stores) place(t *testing.T, kind int) place {
	t.Helper()
	p := place{data: filepath.Join(t.TempDir(), "data")}
	if kind == postgresBucket || kind == postgresDirectory {
		p.meta, p.blobs = s.records.Database(), filepath.Join(t.TempDir(), "blobs")
	}
	if kind == postgresBucket || kind == sqliteBucket {
		s.made++
		p.blobs = s.bytes.URL(fmt.Sprintf("p%d", s.made), "")
	}
	return p
}

// server is one at a place, and a client with a key.
type server struct {
	*program.Server
	client *client.Client
}

func serve(t *testing.T, p place, key string) server {
	t.Helper()
	s := program.Start(t, program.Options{Data: p.data, Flags: p.flags("")})
	return server{s, uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", Key: key}))(t)}
}

// run runs a command to its end.
func run(t *testing.T, want int, args ...string) string {
	t.Helper()
	code, out := program.Run(t.Context(), args...)
	if code != want {
		t.Fatalf("uploadd %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
	return out
}

func migrate(t *testing.T, from, to place, want int, flags ...string) string {
	t.Helper()
	return run(t, want, append(append([]string{"migrate"}, flags...), append(from.flags(""), to.flags("to-")...)...)...)
}

func check(t *testing.T, p place) {
	t.Helper()
	run(t, 0, append([]string{"check", "--read-data"}, p.flags("")...)...)
}

// shown is all that a server shows, with ids, and by pages of a few: so the order and
// the cursors are those of the lists. gone are Files that were deleted and hold their
// place for those who page by them.
func shown(t *testing.T, a api.API, gone ...string) string {
	t.Helper()
	var b strings.Builder
	show := func(v any) { fmt.Fprintf(&b, "%s\n", uploadstest.Must(json.Marshal(v))(t)) }
	for _, order := range []string{"asc", "desc"} {
		for after, more := "", true; more; {
			page := uploadstest.Must(a.ListUploads(t.Context(), api.ListQuery{Order: order, Limit: 3, After: after}))(t)
			for _, u := range page.Data {
				after = u.ID
				show(uploadstest.Must(a.GetUpload(t.Context(), u.ID))(t))
				show(uploadstest.Must(a.ListParts(t.Context(), u.ID, api.ListQuery{Order: order}))(t))
			}
			more = page.HasMore
		}
		for _, after := range append([]string{""}, gone...) {
			for more := true; more; {
				page := uploadstest.Must(a.ListFiles(t.Context(), api.ListQuery{Order: order, Limit: 2, After: after}))(t)
				show(page)
				if more = page.HasMore; more {
					after = *page.LastID
				}
			}
		}
	}
	show(uploadstest.Must(a.Usage(t.Context()))(t))
	return b.String() + uploadstest.Must(uploadstest.State(a))(t)
}

// stored lists the blobs in a place's directory of them.
func stored(t *testing.T, p place) (paths []string) {
	t.Helper()
	dir := filepath.Join(p.data, "blobs")
	if p.blobs != "" {
		dir = p.blobs
	}
	paths = uploadstest.Must(filepath.Glob(filepath.Join(dir, "*", "part_*")))(t)
	return paths
}

// blobsOfParts are the blobs of a directory that records refer to.
func blobsOfParts(t *testing.T, p place) (paths []string) {
	t.Helper()
	records := uploadstest.Must(meta.OpenSQLiteReadOnly(filepath.Join(p.data, "uploadd.db")))(t)
	defer records.Close()
	for _, part := range uploadstest.Must(records.AllParts(t.Context(), 0, 1000))(t) {
		paths = append(paths, uploadstest.Must(filepath.Glob(filepath.Join(p.data, "blobs", "*", part.ID)))(t)...)
	}
	return paths
}

// damage changes a byte in the middle of a blob.
func damage(t *testing.T, path string) {
	t.Helper()
	data := uploadstest.Must(os.ReadFile(path))(t)
	data[len(data)/2] ^= 1
	if err := errors.Join(os.Remove(path), os.WriteFile(path, data, fs.FileMode(0o600))); err != nil {
		t.Fatal(err)
	}
}
