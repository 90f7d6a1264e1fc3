// Package bench measures the program beside the servers that people would put in its
// place, all driven by one client, on one disk, in turn. `make bench` runs all of it,
// and writes BENCHMARKS.md; the gate runs each row with very little, to see that it
// measures at all.
package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/test/bench/peers"
	"uploadd/test/bench/report"
	"uploadd/test/program"
)

var (
	scale  = flag.String("scale", "smoke", "how much is done: smoke, quick or full")
	only   = flag.String("rows", "", "the rows to measure, by their names, with commas between; all of them if empty")
	tools  = flag.String("peers", "", "the directory that scripts/bench-tools builds the peers in; empty: nginx is the only one")
	page   = flag.String("write", "", "the page to write the figures into")
	under  = flag.String("dir", "", "a directory on the disk to measure; empty: that for temporary files")
	rounds = flag.Int("rounds", 0, "how often each figure is measured; 0: as the scale has it")
)

// sizes are how much is done.
type sizes struct {
	part       int64         // bytes of a large part
	parts      int           // sent to each server in a round
	rounds     int           // in which everything is measured
	whole      int           // parts of the largest File, which is one of 8 GiB in full
	hashed     int           // parts of a File whose MD5 is taken
	inFlight   int           // parts at once, when memory is looked at
	period     time.Duration // of a round of small things
	files, few int           // in a large store, and in a small one
	pages      int           // asked for in a round
	paths      int           // that are profiled
	profile    time.Duration // of each
}

var scales = map[string]sizes{
	"smoke": {part: 1 << 20, parts: 4, rounds: 2, whole: 4, hashed: 2, inFlight: 8, period: 100 * time.Millisecond, files: 1000, few: 300, pages: 3, paths: 1, profile: time.Second},
	"quick": {part: 64 << 20, parts: 8, rounds: 3, whole: 16, hashed: 8, inFlight: 64, period: time.Second, files: 100_000, few: 1000, pages: 30, paths: 5, profile: 3 * time.Second},
	"full":  {part: 64 << 20, parts: 16, rounds: 5, whole: 128, hashed: 16, inFlight: 64, period: 3 * time.Second, files: 1_000_000, few: 1000, pages: 100, paths: 5, profile: 5 * time.Second},
}

func TestMain(m *testing.M) {
	peers.Serve()
	flag.Parse()
	program.Main(m)
}

// bench is one run.
type bench struct {
	sizes
	rows     []report.Row
	profiles []string // what the page says of each path, in Markdown
}

// large names n bytes times the size of a large part.
func (b *bench) large(n int) string { return humanize.IBytes(uint64(n) * uint64(b.part)) }

// beside adds the row of a figure beside a peer's.
func (b *bench) beside(figure string, ours report.Sample, peer string, theirs report.Sample, goal report.Goal) {
	b.rows = append(b.rows, report.Row{Figure: figure, Ours: ours, Peer: peer, Theirs: theirs, Goal: goal})
}

// alone adds the row of a figure that stands by itself.
func (b *bench) alone(figure string, ours report.Sample, goal report.Goal) {
	b.rows = append(b.rows, report.Row{Figure: figure, Ours: ours, Goal: goal})
}

// all are the rows, or groups of them that are measured together.
var all = []struct {
	name    string
	measure func(t *testing.T, b *bench)
}{
	{"parts", measureParts},
	{"complete", measureComplete},
	{"md5", measureMD5},
	{"memory", measureMemory},
	{"download", measureDownload},
	{"files", measureFiles},
	{"cycles", measureCycles},
	{"list", measureListAndStart},
	{"profile", measureProfiles},
}

func TestBench(t *testing.T) {
	size, known := scales[*scale]
	if !known {
		t.Fatalf("-scale=%s: it is one of smoke, quick and full", *scale)
	}
	if *rounds > 0 {
		size.rounds = *rounds
	}
	if *tools != "" && size.part < 5<<20 {
		t.Fatalf("-peers: S3 takes no parts as small as those of -scale=%s", *scale)
	}
	if *page != "" && *only != "" {
		t.Fatal("-write: a page has all rows, and -rows names some")
	}
	b, machine, began := &bench{sizes: size}, describe(t), time.Now()
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, row := range all {
		if i := slices.Index(wanted, row.name); i >= 0 {
			wanted = slices.Delete(wanted, i, i+1)
		} else if *only != "" {
			continue
		}
		before := len(b.rows) + len(b.profiles)
		if !t.Run(row.name, func(t *testing.T) { row.measure(t, b) }) || len(b.rows)+len(b.profiles) == before {
			t.Errorf("%s could not be measured", row.name)
		}
	}
	if len(wanted) > 0 {
		t.Fatalf("-rows: there is no row %q", wanted)
	}
	for _, row := range b.rows {
		if !sane(row.Ours) || row.Peer != "" && !sane(row.Theirs) {
			t.Errorf("%s: ours %v, theirs %v: not a figure", row.Figure, row.Ours.Values, row.Theirs.Values)
		}
	}
	b.publish(t, fmt.Sprintf("%s\nIt took %s; the load of the machine was %s before it and %s after.\n",
		machine.text, time.Since(began).Round(time.Second), machine.load, loadAverage(t)))
}

// publish prints the figures, and writes them into the page if there is one and nothing
// failed.
func (b *bench) publish(t *testing.T, where string) {
	t.Helper()
	sections := map[string]string{"figures": report.Table(b.rows) + "\n" + where, "profiles": strings.Join(b.profiles, "\n")}
	fmt.Printf("%s\n%s\n", sections["figures"], sections["profiles"])
	if *page == "" || t.Failed() {
		return
	}
	for section, text := range sections {
		if err := report.Replace(*page, section, text); err != nil {
			t.Error(err)
		}
	}
}

// sane says whether a figure was measured in every round.
func sane(s report.Sample) bool {
	for _, v := range s.Values {
		if !(v > 0) || math.IsInf(v, 0) {
			return false
		}
	}
	return len(s.Values) > 0
}

// tempDir is a new directory on the disk that is measured. It is gone when done is
// called, and at the end of the test at the latest.
func tempDir(t *testing.T) (dir string, done func()) {
	t.Helper()
	dir, err := os.MkdirTemp(*under, "uploadd-bench")
	if err != nil {
		t.Fatal(err)
	}
	done = func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(done)
	return dir, done
}

// kinds are the peers named, of those that were built.
func kinds(all ...func(tools string) peers.Kind) (list []peers.Kind) {
	if *tools == "" {
		return nil
	}
	for _, kind := range all {
		list = append(list, kind(*tools))
	}
	return list
}
