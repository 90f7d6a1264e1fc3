// Package scaling works out what many nodes and many Files cost. It holds a model of
// nodes that share a database, and tests that measure what the model is made of, and
// that it says what a real database does.
package scaling

import (
	"math/rand/v2"
	"time"
)

// Model is nodes that share a database. Everything in it takes exactly as long as it
// says, but for what waits: for a connection, a processor, a lock, or a flush.
type Model struct {
	Nodes       int
	Clients     int // of each node, each with one request at a time
	Connections int // of each node's pool

	RoundTrip  time.Duration // from a node to the database and back
	Statement  time.Duration // of a processor of the database
	Processors int           // of the database
	Flush      time.Duration // of the log, for all the commits that wait for it

	Projects int // that the clients belong to, in turn
	Accounts int // that each project's count is spread over; 1 is what uploadd does

	Life []Step // what each client does, again and again
}

// Step is a request: bytes to the store, then a transaction.
type Step struct {
	Store      time.Duration // of the bytes on their way, without the database
	Statements int           // before the account is changed
	Charge     bool          // the account is changed, and its row locked until the commit
	Behind     int           // statements between that and the commit
}

// UploadLife is an Upload of so many Parts, each of which takes store to be kept.
// TestCosts counts the statements.
func UploadLife(parts int, store time.Duration) []Step {
	life := []Step{{Statements: 1, Charge: true, Behind: 1}}
	for range parts {
		life = append(life, Step{Store: store, Statements: 3})
	}
	return append(life, Step{Statements: 5, Charge: true, Behind: 1})
}

// Result is what came of a run.
type Result struct {
	Lives  float64       // in a second
	Took   time.Duration // a life, on average
	Busy   float64       // the database's processors, of 1
	Pooled float64       // connections in use, on average over all nodes
}

// Run lets the model work for so long, after a tenth of that to begin.
func (m Model) Run(length time.Duration) Result {
	w := &world{random: rand.New(rand.NewPCG(1, 2))}
	s := &system{Model: m, world: w, processors: resource{world: w, free: m.Processors}}
	s.log.system = s
	s.accounts = make([]resource, m.Projects*m.Accounts)
	for i := range s.accounts {
		s.accounts[i] = resource{world: w, free: 1}
	}
	s.pools = make([]resource, m.Nodes)
	for i := range s.pools {
		s.pools[i] = resource{world: w, free: m.Connections}
	}
	for i := range m.Nodes * m.Clients {
		c := &client{system: s, pool: &s.pools[i%m.Nodes], project: i % m.Projects}
		// Each begins somewhere in its life: else all would come to the account at once.
		w.after(time.Duration(w.random.Int64N(int64(m.RoundTrip)+1)), func() { c.step(w.random.IntN(len(m.Life)), c.live) })
	}
	w.run(length / 10)
	s.charged = 0
	s.processors.measure()
	for i := range s.pools {
		s.pools[i].measure()
	}
	w.run(length + length/10)
	// Every life charges the account as often as the others, so their rate tells that of
	// lives long before a life that waits for minutes has ended; and by Little's law that
	// rate tells how long a life takes.
	r := Result{
		Lives: float64(s.charged) / float64(m.charges()) / length.Seconds(),
		Busy:  s.processors.measure().Seconds() / length.Seconds() / float64(m.Processors),
	}
	if r.Lives > 0 {
		r.Took = time.Duration(float64(m.Nodes*m.Clients) / r.Lives * float64(time.Second))
	}
	for i := range s.pools {
		r.Pooled += s.pools[i].measure().Seconds() / length.Seconds()
	}
	return r
}

// charges is how often a life changes the account.
func (m Model) charges() (n int) {
	for _, s := range m.Life {
		if s.Charge {
			n++
		}
	}
	return n
}

// system is a Model at work.
type system struct {
	Model
	*world
	pools, accounts []resource
	processors      resource
	log             log

	charged int // accounts, in steps that were committed
}

// statement goes to the database, and what comes of it back.
func (s *system) statement(then func()) {
	s.after(s.RoundTrip/2, func() { s.execute(func() { s.after(s.RoundTrip/2, then) }) })
}

// execute takes a processor's time.
func (s *system) execute(then func()) {
	s.processors.take(func() {
		s.after(s.Statement, func() { s.processors.give(); then() })
	})
}

// client lives one life behind the other.
type client struct {
	*system
	pool    *resource
	project int
}

func (c *client) live() { c.step(0, c.live) }

// step takes the i-th step of a life and those behind it.
func (c *client) step(i int, then func()) {
	if i == len(c.Life) {
		then()
		return
	}
	s := c.Life[i]
	c.after(s.Store, func() {
		c.pool.take(func() {
			// One statement more begins the transaction.
			c.statements(1+s.Statements, func() {
				c.charge(s, func() {
					c.pool.give()
					c.step(i+1, then)
				})
			})
		})
	})
}

func (c *client) statements(n int, then func()) {
	if n == 0 {
		then()
		return
	}
	c.statement(func() { c.statements(n-1, then) })
}

// charge changes the account, if the step does, and commits.
func (c *client) charge(s Step, then func()) {
	if !s.Charge {
		c.commit(func() {}, then)
		return
	}
	account := &c.accounts[c.project*c.Accounts+c.random.IntN(c.Accounts)]
	c.after(c.RoundTrip/2, func() {
		account.take(func() {
			c.execute(func() {
				c.after(c.RoundTrip/2, func() {
					c.statements(s.Behind, func() { c.commit(func() { account.give(); c.charged++ }, then) })
				})
			})
		})
	})
}

// commit lets go of locks when the log has been flushed.
func (c *client) commit(unlock, then func()) {
	c.after(c.RoundTrip/2, func() {
		c.execute(func() {
			c.log.flush(func() {
				unlock()
				c.after(c.RoundTrip/2, then)
			})
		})
	})
}
