package migrate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/test/ledger"
)

// filled is a place with something in it, whose server has stopped.
func filled(t *testing.T, p place) place {
	t.Helper()
	s, l := serve(t, p, "any"), &ledger.Ledger{}
	if !l.Script(t.Context(), s.client) {
		t.Fatal(l.Faults())
	}
	s.Stop()
	return p
}

// What holds something else is no target, and what makes no sense is said to make none.
func TestRefused(t *testing.T) {
	t.Parallel()
	st := newStores(t)
	from, other := filled(t, place{data: t.TempDir()}), filled(t, place{data: t.TempDir()})
	shared := filled(t, st.place(t, postgresDirectory))
	running := place{data: t.TempDir()}
	serve(t, running, "any")
	begun := st.place(t, sqliteDirectory)
	migrate(t, other, begun, 0)
	strange := place{data: t.TempDir()}
	blob := filepath.Join(strange.data, "blobs", "0a", "part_0000000000000000000000000000000a")
	if err := os.MkdirAll(filepath.Dir(blob), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to place
		want     string
	}{
		{from, place{}, "name the place to move to"},
		{from, place{meta: "postgres://x@127.0.0.1:1/x"}, "name the place to move to"},
		{from, place{data: t.TempDir(), blobs: "ftp://x"}, "write it like s3://bucket/prefix"},
		{place{data: t.TempDir()}, st.place(t, sqliteDirectory), "holds no data of uploadd"},
		{from, from, "it is the source of the migration"},
		{from, other, "it holds something already, or was used since it was migrated to"},
		{from, shared, "it holds something already, or was used since it was migrated to"},
		{from, begun, "it holds something already, or was used since it was migrated to"},
		{from, running, "is in use by another uploadd"},
		{from, strange, "its records do not know the blob part_0000000000000000000000000000000a"},
	} {
		if out := migrate(t, tt.from, tt.to, 1); !strings.Contains(out, tt.want) {
			t.Errorf("from %v to %v: %s\nwant: %s", tt.from, tt.to, out, tt.want)
		}
	}
	check(t, from)
	check(t, other)
	check(t, shared)
}

// A damaged blob is named, and keeps the target from being used until it is no more.
func TestDamage(t *testing.T) {
	t.Parallel()
	from, to := filled(t, place{data: t.TempDir()}), place{data: t.TempDir()}
	bad := blobsOfParts(t, from)[0]
	whole, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, bad)
	out := migrate(t, from, to, 1)
	if strings.Count(out, "part "+filepath.Base(bad)+" of ") != 1 || !strings.Contains(out, "checksum") || !strings.Contains(out, ", 1 faults") {
		t.Errorf("the damage of %s is not named once:\n%s", bad, out)
	}
	if out := run(t, 1, append([]string{"serve", "--listen=127.0.0.1:0"}, to.flags("")...)...); !strings.Contains(out, "has not been completed") {
		t.Errorf("a server on it: %s", out)
	}
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	if out := migrate(t, from, to, 1); !strings.Contains(out, "part "+filepath.Base(bad)) || !strings.Contains(out, "its bytes are missing") {
		t.Errorf("missing bytes are not named:\n%s", out)
	}
	if err := os.WriteFile(bad, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := migrate(t, from, to, 0); !strings.Contains(out, "parts: 1 of ") {
		t.Errorf("what was damaged is not all that is copied now:\n%s", out)
	}
	check(t, to)

	// The copy: without --verify it is not read again.
	damage(t, blobsOfParts(t, to)[1])
	migrate(t, from, to, 0)
	if out := migrate(t, from, to, 0, "--verify"); !strings.Contains(out, "parts: 1 of ") {
		t.Errorf("a damaged copy is not copied again:\n%s", out)
	}
	check(t, to)
}
