package nodes

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"uploadd/test/postgres"
	"uploadd/test/program"
)

var starters = flag.Int("starters", 4, "how many nodes start at once on an empty database")

// later brings the schema to a version that this program does not know, as the first
// node of a later one would: with columns of its own, and no need to end the others.
const later = `
	ALTER TABLE uploads ADD COLUMN note TEXT NOT NULL DEFAULT 'n';
	ALTER TABLE parts ADD COLUMN note TEXT;
	CREATE TABLE notes (id TEXT PRIMARY KEY);
	INSERT INTO goose_db_version (version_id, is_applied) SELECT MAX(version_id) + 1, true FROM goose_db_version`

// While a later version brings the schema to its own under load, nodes of this one go
// on, and start. When it leaves this one behind, those that run still go on, and those
// that start say what to do.
func testUpgrade(t *testing.T, db *postgres.Server) {
	c := newCluster(t, 2, db.Database(), []*postgres.Server{db}, false)
	key := c.project("p")
	l := newLoad(t, c)
	l.begin()
	awaitGood(t, c.answers)
	execute(t, c.url, later)
	c.add([]*postgres.Server{db})
	await(t, c.client(c.nodes[2], key))
	c.run("gc")
	awaitGood(t, c.answers)

	execute(t, c.url, `UPDATE oldest_version SET version = (SELECT MAX(version_id) FROM goose_db_version)`)
	awaitGood(t, c.answers)
	const advice = "use a newer one"
	if out := startFails(t, c.nodes[0].flags); !strings.Contains(out, advice) {
		t.Errorf("a start says %q", out)
	}
	if code, out := program.Run(t.Context(), "check", "--meta="+c.url, "--blobs="+c.blobs); code != 1 || !strings.Contains(out, advice) {
		t.Errorf("check: exit %d, %q", code, out)
	}
	execute(t, c.url, `UPDATE oldest_version SET version = 1`)
	l.end()
	if all, failed := c.answers.since(); len(failed) > 0 {
		t.Errorf("of %d answers failed: %v", all, failed)
	}
}

// startFails starts a node that cannot, and returns what it says.
func startFails(t *testing.T, flags []string) string {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	fatal(t, err)
	defer said.Close()
	if _, err := program.TryStart(t, program.Options{Flags: flags, Stderr: said}); err == nil {
		t.Error("it started")
	}
	out, err := os.ReadFile(said.Name())
	fatal(t, err)
	return string(out)
}

// Many nodes that start at once on an empty database all come up.
func testManyStart(t *testing.T, db *postgres.Server) {
	flags := []string{"--meta=" + db.Database(), "--blobs=" + t.TempDir()}
	var starting sync.WaitGroup
	for range *starters {
		starting.Go(func() {
			if _, err := program.TryStart(t, program.Options{Flags: flags}); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
}

// A node is killed at every commit of its start on an empty database, that one lost or
// not: the next one goes on.
func testKilledWhileStarting(t *testing.T, db *postgres.Server) {
	kills := 0
	for _, lost := range []bool{true, false} {
		for at, killed := 1, true; killed; at++ {
			url, blobs := db.Database(), t.TempDir()
			if killed = killAtCommit(t, db, url, blobs, at, lost); !killed {
				break
			}
			kills++
			execute(t, url, expireLock)
			program.Start(t, program.Options{Flags: []string{"--meta=" + url, "--blobs=" + blobs}}).Kill()
			if code, out := program.Run(t.Context(), "check", "--meta="+url, "--blobs="+blobs); code != 0 {
				t.Errorf("killed at commit %d: check: exit %d\n%s", at, code, out)
			}
		}
	}
	if kills == 0 {
		t.Error("nothing was killed: this has shown nothing")
	}
	t.Logf("%d kills", kills)
}

// expireLock is as if the time had passed that a node may take without a sign of life.
const expireLock = `DO 'BEGIN UPDATE goose_lock SET lease_expires_at = now() - interval ''1 second'';
	EXCEPTION WHEN undefined_table THEN NULL; END'`

// killAtCommit starts a node and kills it at its nth commit. It reports whether there
// was one.
func killAtCommit(t *testing.T, db *postgres.Server, url, blobs string, n int, lost bool) bool {
	t.Helper()
	way := postgres.NewProxy(t, db)
	began := make(chan *program.Server, 1)
	reached := false
	way.AtCommit(n, func(forward func()) {
		reached = true
		if !lost {
			forward()
		}
		(<-began).Kill()
	})
	s, err := program.TryStart(t, program.Options{
		Flags: []string{"--meta=" + way.URL(db, url), "--blobs=" + blobs},
		Began: func(s *program.Server) { began <- s },
	})
	if err == nil {
		s.Kill()
	}
	return err != nil && reached
}
