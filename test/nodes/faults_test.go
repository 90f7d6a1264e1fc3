package nodes

import (
	"flag"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"uploadd/test/postgres"
)

var (
	rounds  = flag.Int("rounds", 1, "how often every fault is caused")
	verify  = flag.Int("verify", len(faults), "after how many faults everything is verified")
	watched = flag.Duration("watched", 200*time.Millisecond, "how long nothing may fail, after each fault")
)

const (
	// idle is after how long PostgreSQL ends a transaction of a node that has stopped:
	// less than by default, so that the tests are quicker.
	idle     = time.Second
	settings = "&idle_in_transaction_session_timeout=1000&connect_timeout=1"
)

// fault breaks something of a cluster, and returns when all is as before.
type fault struct {
	name  string
	cause func(t *testing.T, c *cluster, db *postgres.Server)
}

var faults = []fault{
	{"a node is killed and started again", func(t *testing.T, c *cluster, _ *postgres.Server) {
		n := c.any()
		n.Kill()
		time.Sleep(some(300 * time.Millisecond))
		n.start(t)
	}},
	{"a node is stopped past every transaction's end", func(t *testing.T, c *cluster, _ *postgres.Server) {
		n := c.any()
		signal(t, n, syscall.SIGSTOP)
		time.Sleep(idle + some(time.Second))
		signal(t, n, syscall.SIGCONT)
	}},
	{"a node is cut off from the database", func(_ *testing.T, c *cluster, _ *postgres.Server) {
		n := c.any()
		n.each((*postgres.Proxy).Cut)
		time.Sleep(some(time.Second))
		n.each((*postgres.Proxy).Mend)
	}},
	{"nothing passes between a node and the database", func(_ *testing.T, c *cluster, _ *postgres.Server) {
		n := c.any()
		n.each((*postgres.Proxy).Hang)
		time.Sleep(idle + some(time.Second))
		n.each((*postgres.Proxy).Mend)
	}},
	{"the way to the database is slow", func(_ *testing.T, c *cluster, _ *postgres.Server) {
		n := c.any()
		n.each(func(p *postgres.Proxy) { p.Slow(50 * time.Millisecond) })
		time.Sleep(some(time.Second))
		n.each((*postgres.Proxy).Mend)
	}},
	{"the answers of commits are lost", func(_ *testing.T, c *cluster, _ *postgres.Server) {
		for range 5 {
			c.any().proxies[0].AtCommit(1, func(forward func()) { forward() })()
		}
	}},
	{"commits are lost", func(_ *testing.T, c *cluster, _ *postgres.Server) {
		for range 5 {
			c.any().proxies[0].AtCommit(1, func(func()) {})()
		}
	}},
	{"the database is killed and started again", func(_ *testing.T, _ *cluster, db *postgres.Server) {
		db.Kill()
		time.Sleep(some(500 * time.Millisecond))
		db.Restart()
	}},
	{"the database is stopped in a hurry and started again", func(_ *testing.T, _ *cluster, db *postgres.Server) {
		db.Stop()
		db.Restart()
	}},
}

func (c *cluster) any() *node { return c.nodes[rand.IntN(len(c.nodes))] }

// some is a random time, half of most at least.
func some(most time.Duration) time.Duration { return most/2 + rand.N(most/2) }

func signal(t *testing.T, n *node, sig syscall.Signal) {
	t.Helper()
	if err := n.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Whatever breaks, and mends, between three nodes and their database: what anybody was
// told stands, at every node, and when it is over nothing fails any more.
func TestFaults(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	c := newCluster(t, 3, db.Database()+settings, []*postgres.Server{db}, false)
	l := newLoad(t, c)
	caused := 0
	for round := range *rounds {
		for _, i := range rand.Perm(len(faults)) {
			if caused%*verify == 0 {
				l.begin()
			}
			faults[i].cause(t, c, db)
			t.Logf("%d: %s: %s later all was well", round, faults[i].name, c.answers.settled(t, *watched).Round(time.Millisecond))
			if caused++; caused%*verify == 0 || t.Failed() {
				l.end()
			}
			if t.Failed() {
				t.Fatalf("this was round %d: %s", round, faults[i].name)
			}
		}
	}
	if caused%*verify != 0 {
		l.end()
	}
}
