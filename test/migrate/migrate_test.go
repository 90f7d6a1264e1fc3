package migrate

import (
	"context"
	"flag"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

var (
	hops  = flag.Int("hops", 5, "how many times everything is moved on; 16 for each pair of kinds")
	kills = flag.Int("kills", 6, "how many migrations are killed")
	lives = flag.Int("lives", 1, "how many times a source under load is moved")
)

// route leads from every kind of place to every other and to its own kind, once. The
// first steps have each kind on either side.
var route = []int{
	sqliteDirectory, postgresBucket, postgresDirectory, sqliteBucket, sqliteDirectory, postgresDirectory,
	postgresBucket, sqliteBucket, sqliteBucket, postgresBucket, postgresBucket, sqliteDirectory, sqliteBucket,
	postgresDirectory, postgresDirectory, sqliteDirectory, sqliteDirectory,
}

// newKey makes a key at a place.
func newKey(t *testing.T, p place) string {
	t.Helper()
	lines := strings.Fields(run(t, 0, append([]string{"keys", "create", "--project=team"}, p.flags("")...)...))
	return lines[len(lines)-1]
}

// lists is what the commands list.
func lists(t *testing.T, p place) (out string) {
	t.Helper()
	for _, command := range []string{"keys list", "projects list", "audit"} {
		out += run(t, 0, append(strings.Fields(command), p.flags("")...)...)
	}
	return out
}

// deleted makes a File and deletes it.
func deleted(t *testing.T, a api.API) string {
	t.Helper()
	f := uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("gone"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "gone", Purpose: "user_data"}, nil
	}))(t)
	uploadstest.Must(a.DeleteFile(t.Context(), f.ID))(t)
	return f.ID
}

// Moved on from place to place, everything stays as it was: beside the server first, and
// once more when it has stopped, which brings what came meanwhile. What was begun at one
// place is ended at the next.
func TestRoute(t *testing.T) {
	t.Parallel()
	st, l := newStores(t), &ledger.Ledger{}
	here := st.place(t, route[0])
	key := newKey(t, here)
	s := serve(t, here, key)
	var gone []string
	for hop := range *hops {
		there := st.place(t, route[(hop+1)%len(route)])
		if !l.Script(t.Context(), s.client) {
			t.Fatal(l.Faults())
		}
		migrate(t, here, there, 0)
		gone = append(gone, deleted(t, s.client))
		if !l.Script(t.Context(), s.client) {
			t.Fatal(l.Faults())
		}
		want := shown(t, s.client, gone...)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		out := migrate(t, here, there, 0, "--verify")
		if !strings.Contains(out, " were there, 0 faults") || strings.Contains(out, " 0 were there") {
			t.Errorf("hop %d copies all again:\n%s", hop, out)
		}
		check(t, there)
		if before, after := lists(t, here), lists(t, there); before != after {
			t.Errorf("hop %d: the commands list\n%s\nwant:\n%s", hop, after, before)
		}
		s = serve(t, there, key)
		if got := shown(t, s.client, gone...); got != want {
			t.Fatalf("hop %d: shown is\n%s\nwant:\n%s", hop, got, want)
		}
		if !l.Resume(t.Context(), s.client) {
			t.Errorf("hop %d: uploads that were pending cannot be completed: %s", hop, l.Faults())
		}
		for _, fault := range l.Verify(t.Context(), s.client, true) {
			t.Errorf("hop %d: %s", hop, fault)
		}
		t.Logf("hop %d: %s", hop, strings.ReplaceAll(strings.TrimSpace(out), "\n", "; "))
		here = there
	}
}

// Wherever a migration is killed, no server starts before a later run has come to its
// end; and that one copies no more than what was lost.
func TestKilled(t *testing.T) {
	t.Parallel()
	st, l := newStores(t), &ledger.Ledger{}
	from := place{data: t.TempDir()}
	s := serve(t, from, "any")
	for range 12 {
		if !l.Script(t.Context(), s.client) {
			t.Fatal(l.Faults())
		}
	}
	want := shown(t, s.client)
	s.Stop()
	for _, kind := range []int{sqliteDirectory, postgresBucket} {
		there := st.place(t, kind)
		began := time.Now()
		migrate(t, from, there, 0)
		whole, there := time.Since(began), st.place(t, kind)
		for range *kills / 2 {
			cmd := exec.Command(program.Path(), append(append([]string{"migrate"}, from.flags("")...), there.flags("to-")...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(rand.N(whole))
			cmd.Process.Kill()
			cmd.Wait()
			unusable(t, there)
		}
		t.Logf("whole it takes %s; after the kills: %s", whole.Round(time.Millisecond), migrate(t, from, there, 0))
		check(t, there)
		s := serve(t, there, "any")
		if got := shown(t, s.client); got != want {
			t.Errorf("shown is\n%s\nwant:\n%s", got, want)
		}
		s.Kill()
		migrate(t, from, there, 1) // it has been used
	}
}

// unusable makes sure that a target is whole, or refused by a server with a word of what
// is to be done.
func unusable(t *testing.T, p place) {
	t.Helper()
	code, out := program.Run(t.Context(), append([]string{"check"}, p.flags("")...)...)
	if code == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !strings.Contains(out, "run it again") {
		return // nothing has been begun
	}
	code, out = program.Run(ctx, append([]string{"serve", "--listen=127.0.0.1:0"}, p.flags("")...)...)
	if code != 1 || !strings.Contains(out, "a migration to it has not been completed: run it again") {
		t.Errorf("a server on a target that is not whole: exit %d\n%s", code, out)
	}
}

// A source under load comes over as of one moment, whole; and when it has stopped, what
// has changed since.
func TestLive(t *testing.T) {
	t.Parallel()
	st := newStores(t)
	for _, kind := range []int{sqliteDirectory, postgresBucket} {
		l, from := &ledger.Ledger{}, st.place(t, kind)
		s := serve(t, from, "any")
		target := st.place(t, postgresBucket-kind)
		for round := range *lives {
			once := st.place(t, postgresBucket-kind)
			under(t, l, s, func() { time.Sleep(200 * time.Millisecond) })
			before := l.Clone()
			under(t, l, s, func() {
				migrate(t, from, once, 0)
				t.Logf("live: %s", migrate(t, from, target, 0))
			})
			check(t, once)
			restored := serve(t, once, "any")
			for _, fault := range before.Restored(t.Context(), restored.client, l) {
				t.Errorf("round %d: %s", round, fault)
			}
			restored.Kill()
		}
		want := shown(t, s.client)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("stopped: %s", migrate(t, from, target, 0))
		check(t, target)
		moved := serve(t, target, "any")
		if got := shown(t, moved.client); got != want {
			t.Errorf("shown is\n%s\nwant:\n%s", got, want)
		}
		if faults := l.Verify(t.Context(), moved.client, true); len(faults) > 0 {
			t.Error(strings.Join(faults, "\n"))
		}
		moved.Kill()
	}
}

// under runs do while the server is under a load that also deletes and cancels.
func under(t *testing.T, l *ledger.Ledger, s server, do func()) {
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { l.Load(ctx, s.client, 2, rand.Uint64()) })
	do()
	stop()
	load.Wait()
}

// The bytes may stay where they are.
func TestBytesStay(t *testing.T) {
	t.Parallel()
	st := newStores(t)
	from := place{data: t.TempDir()}
	s := serve(t, from, "any")
	create := func(s server, size int) {
		uploadstest.Must(s.client.CreateFile(t.Context(), strings.NewReader(strings.Repeat("x", size)), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
		}))(t)
	}
	create(s, 100_000)
	want := shown(t, s.client)
	s.Stop()
	to := place{data: filepath.Join(t.TempDir(), "none"), meta: st.records.Database(), blobs: filepath.Join(from.data, "blobs")}
	blobs := len(stored(t, from))
	if out := migrate(t, from, to, 0); !strings.Contains(out, "the bytes stay where they are") || len(stored(t, from)) != blobs {
		t.Errorf("%d of %d blobs are left:\n%s", len(stored(t, from)), blobs, out)
	}
	elsewhere := to
	elsewhere.blobs = filepath.Join(t.TempDir(), "blobs")
	if out := migrate(t, from, elsewhere, 1); !strings.Contains(out, "another place for the bytes") {
		t.Errorf("a run with other bytes: %s", out)
	}
	migrate(t, from, to, 0)
	s = serve(t, to, "any")
	if got := shown(t, s.client); got != want {
		t.Errorf("shown is\n%s\nwant:\n%s", got, want)
	}
	check(t, to)

	small := place{data: t.TempDir()} // whose bytes are in the records
	s = serve(t, small, "any")
	create(s, 1)
	s.Stop()
	to = place{data: filepath.Join(t.TempDir(), "none"), meta: st.records.Database(), blobs: filepath.Join(small.data, "blobs")}
	if out := migrate(t, small, to, 1); !strings.Contains(out, "another place for them") {
		t.Errorf("small blobs that cannot stay: %s", out)
	}
}
