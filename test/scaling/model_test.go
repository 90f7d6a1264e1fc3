package scaling

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var (
	runFor = flag.Duration("for", 500*time.Millisecond, "how long TestModel and BenchmarkFlush measure each case")
	nodes  = flag.Int("nodes", 100, "how many nodes TestTable goes up to")
)

// create is what TestModel measures: the step that changes a project's account.
var create = []Step{{Statements: 1, Charge: true}}

// runs tells the Uploads of one measurement from those of another.
var runs atomic.Int64

// measure has nodes create Uploads, and returns how many in a second.
func measure(t testing.TB, stores []*meta.Store, m Model, project string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *runFor)
	defer cancel()
	var all sync.WaitGroup
	run := runs.Add(1)
	counts := make([]int, m.Nodes*m.Clients)
	for i := range counts {
		o := operations{store: stores[i%m.Nodes], project: fmt.Sprintf("%s-%d", project, i%m.Projects)}
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				u := o.upload(0)
				u.ID = fmt.Sprintf("upload_%d-%d-%d", run, i, n)
				if err := o.store.CreateUpload(context.WithoutCancel(ctx), u); err != nil {
					t.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	began := time.Now()
	all.Wait()
	var sum int
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds()
}

// The model says what a real database does when the way to it is long, which is what
// then decides: three nodes do three times as much as one, unless it is all for one
// project.
func TestModel(t *testing.T) {
	const trip, connections = 20 * time.Millisecond, 4
	server := postgres.Start(t)
	_, url := open(t, server)
	way := newRelay(t, url, trip)
	var stores []*meta.Store
	for range 3 {
		stores = append(stores, openNode(t, fmt.Sprintf("%s&pool_max_conns=%d", way.url, connections)))
	}
	cases := []struct {
		name            string
		nodes, projects int
	}{
		{"1 node", 1, 64},
		{"3 nodes", 3, 64},
		{"3 nodes, one project", 3, 1},
		{"3 nodes, one project in 4 accounts", 3, 4}, // which is as 4 projects
	}
	models := make([]Model, len(cases))
	expected := make([]float64, len(cases))
	for i, c := range cases {
		models[i] = Model{Nodes: c.nodes, Clients: 2 * connections, Connections: connections, RoundTrip: trip, Statement: 50 * time.Microsecond,
			Processors: 2, Flush: time.Millisecond, Projects: c.projects, Accounts: 1, Life: create}
		expected[i] = models[i].Run(20 * time.Second).Lives
		measure(t, stores, models[i], fmt.Sprintf("project%d", i)) // accounts, connections, prepared statements
	}
	// A machine that has other things to do meanwhile makes each measurement differ: a
	// model that is wrong agrees with none.
	const most = 8
	for n := 1; ; n++ {
		var differences []string
		var first float64
		for i, c := range cases {
			is := measure(t, stores, models[i], fmt.Sprintf("project%d", i))
			t.Logf("%-36s model %6.1f/s, measured %6.1f/s, off by %+.0f %%", c.name, expected[i], is, 100*(expected[i]/is-1))
			if i == 0 {
				first = is
			}
			if want, got := expected[i]/expected[0], is/first; got > 1.3*want || want > 1.3*got {
				differences = append(differences, fmt.Sprintf("%s do %.2f times as much as one in the model, %.2f times measured", c.name, want, got))
			}
		}
		if len(differences) == 0 {
			return
		}
		if n == most {
			t.Fatalf("%d times the model and the database differed, the last time: %s", most, strings.Join(differences, "; "))
		}
	}
}

// What one project, and many, can do with a database that flushes its log to this
// machine's disk: what the model is given.
func BenchmarkFlush(b *testing.B) {
	server := postgres.Start(b, "fsync=on")
	_, url := open(b, server)
	node := []*meta.Store{openNode(b, url)}
	for _, c := range []struct {
		name              string
		clients, projects int
	}{{"one client", 1, 1}, {"16 clients, one project", 16, 1}, {"16 clients, 4 projects", 16, 4}, {"16 clients, 16 projects", 16, 16}} {
		_, err := connect(b, url).Exec(b.Context(), `INSERT INTO projects (name, max_bytes, max_files, max_uploads, max_requests)
			SELECT $1 || '-' || i, 1::bigint << 60, 1::bigint << 40, 1::bigint << 40, 100000 FROM generate_series(0, $2::int) i`, c.name, c.projects)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			var sum float64
			for range b.N {
				sum += measure(b, node, Model{Nodes: 1, Clients: c.clients, Projects: c.projects}, c.name)
			}
			b.ReportMetric(sum/float64(b.N), "Uploads/s")
			b.ReportMetric(0, "ns/op") // which is -for
		})
	}
}

// table is of what docs/scaling.md assumes: a database of 16 processors half a
// millisecond away, whose log takes a millisecond to flush; Uploads of four Parts, each
// of which takes half a second to send and keep.
func table(nodes, projects, accounts int) Result {
	m := Model{Nodes: nodes, Clients: 32, Connections: 16, RoundTrip: 500 * time.Microsecond, Statement: 60 * time.Microsecond,
		Processors: 16, Flush: time.Millisecond, Projects: projects, Accounts: accounts, Life: UploadLife(4, 500*time.Millisecond)}
	return m.Run(4 * time.Second)
}

// From 3 nodes to as many as 1,000: more nodes do more until the database's processors, or
// a project's row, are what all wait for; from there on they do little less. The table of
// docs/scaling.md says what the model does.
func TestTable(t *testing.T) {
	const many = 5000
	docs := string(uploadstest.Must(os.ReadFile("../../docs/scaling.md"))(t))
	var last [3]float64
	for _, n := range []int{3, 10, 30, 100, 300, 1000} {
		if n > *nodes {
			break
		}
		line := fmt.Sprintf("| %s |", humanize.Comma(int64(n)))
		for i, c := range []struct{ projects, accounts int }{{many, 1}, {1, 1}, {1, 16}} {
			r := table(n, c.projects, c.accounts)
			line += cell(r, i == 0)
			if r.Lives < 0.7*last[i] || r.Busy > 1.001 {
				t.Errorf("%d nodes do %.0f a second, fewer %.0f; busy %.2f", n, r.Lives, last[i], r.Busy)
			}
			last[i] = r.Lives
		}
		t.Log(line)
		if !strings.Contains(docs, line+"\n") {
			t.Errorf("docs/scaling.md does not have the line\n%s", line)
		}
	}
	if last[1] > last[2] || last[2] > last[0] {
		t.Errorf("one project does %.0f, in 16 accounts %.0f, many projects %.0f", last[1], last[2], last[0])
	}
}

// cell is a result as the table of docs/scaling.md has it.
func cell(r Result, busy bool) string {
	took := fmt.Sprintf("%.1f s", r.Took.Seconds())
	if r.Took >= 10*time.Second {
		took = fmt.Sprintf("%.0f s", r.Took.Seconds())
	}
	text := fmt.Sprintf(" %s/s, %s", humanize.Comma(int64(math.Round(r.Lives))), took)
	if busy {
		text += fmt.Sprintf(", %.0f %%", 100*r.Busy)
	}
	return text + " |"
}
