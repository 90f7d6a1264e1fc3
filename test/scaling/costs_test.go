package scaling

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"

	"uploadd/internal/access"
	"uploadd/internal/hooks"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

// What each step costs: round trips to the database, and bytes of its log. The trips
// are what the model, and docs/scaling.md, are made of.
func TestCosts(t *testing.T) {
	want := map[string]int64{
		"reserve 64 keys":       3,
		"create an Upload":      4,
		"look at an Upload":     1,
		"add a Part":            5,
		"complete":              8,
		"create a File":         6,
		"look at a File":        2,
		"a page of 100 Files":   1,
		"a page of one purpose": 1,
		"a janitor's round":     6,
		"delete a File":         9,
	}
	server := postgres.Start(t, "autovacuum=off", "full_page_writes=off", "bgwriter_delay=10s", "checkpoint_timeout=1d", "max_wal_size=8GB")
	_, url := open(t, server)
	way := newRelay(t, url, 0)
	store := openNode(t, way.url+"&pool_max_conns=1")
	conn := connect(t, url)
	written := func() (at int64) {
		if err := conn.QueryRow(t.Context(), `SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS BIGINT)`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	ops := operations{store: store, project: "team"}
	docs := string(uploadstest.Must(os.ReadFile("../../docs/scaling.md"))(t))
	const repeats = 8
	for _, s := range ops.steps() {
		least, before := int64(1<<62), written()
		for n := range repeats {
			trips := way.trips.Load()
			if err := s.do(t.Context(), n); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			// The first time prepares statements; and now and then the clock is asked.
			least = min(least, way.trips.Load()-trips)
		}
		t.Logf("%-21s %2d round trips, %6d B of the log", s.name, least, (written()-before)/repeats)
		if least != want[s.name] {
			t.Errorf("%s takes %d round trips, want %d", s.name, least, want[s.name])
		}
		if row := fmt.Sprintf(`(?m)^\| %s[^|]* \| %d \|`, s.name, least); !regexp.MustCompile(row).MatchString(docs) {
			t.Errorf("docs/scaling.md has no row of %s with %d round trips", s.name, least)
		}
	}
	testKeyCost(t, way, ops)
	testHookCost(t, way, ops)
}

// testKeyCost: a key's account costs one more.
func testKeyCost(t *testing.T, way *relay, ops operations) {
	key := &access.Key{ID: "key_x", Project: ops.project, Name: "k", Hash: make([]byte, 32), CreatedAt: began}
	key.Scopes, _ = access.ParseScopes("read,write")
	if err := ops.store.CreateKey(t.Context(), key, uploads.NoLimits); err != nil {
		t.Fatal(err)
	}
	least := int64(1 << 62)
	for n := range 4 {
		u := ops.upload(1000 + n)
		u.Key = key.ID
		trips := way.trips.Load()
		if err := ops.store.CreateUpload(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		least = min(least, way.trips.Load()-trips)
	}
	if least != 5 {
		t.Errorf("creating an Upload with a key takes %d round trips, want 5", least)
	}
}

// testHookCost: who is told costs one more of what is told, and one look now and then.
func testHookCost(t *testing.T, way *relay, ops operations) {
	h := &hooks.Hook{Project: ops.project, URL: "https://example.com", Events: hooks.AllTypes, CreatedAt: began}
	hooks.NewHook(h)
	if err := ops.store.CreateHook(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	least := map[string]int64{}
	for n := 10; n < 14; n++ {
		for _, s := range append(ops.steps(), step{"a look for what is due", func(ctx context.Context, _ int) error {
			_, err := ops.store.DueHooks(ctx, began-1)
			return err
		}}) {
			trips := way.trips.Load()
			if err := s.do(t.Context(), n); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			took := way.trips.Load() - trips
			if before, measured := least[s.name]; !measured || took < before {
				least[s.name] = took
			}
		}
	}
	for name, want := range map[string]int64{"add a Part": 5, "complete": 9, "delete a File": 10, "a janitor's round": 6, "a look for what is due": 1} {
		if least[name] != want {
			t.Errorf("with a hook, %s takes %d round trips, want %d", name, least[name], want)
		}
	}
}
