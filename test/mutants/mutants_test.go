package mutants

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	plant    = flag.String("plant", "2", "how many mutants to plant: a number, or all")
	only     = flag.String("only", "", "plant only the mutants whose name or file this regular expression matches")
	shard    = flag.String("shard", "1/1", "which share of the mutants to plant: 2/3 is the second of three")
	parallel = flag.Int("atonce", 2, "how many mutants are planted at once")
	seed     = flag.Uint64("seed", 1, "decides which mutants a number of them are")
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The list is kept up: a change of the product that a mutant does not fit any
// more changes the mutant.
func TestMutantsApply(t *testing.T) {
	c, err := newCompiler(root(t))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range all() {
		if err := c.check(&m); err != nil {
			t.Error(err)
		}
		if names[m.name] || m.old == m.new || m.rule == "" || len(m.tests) == 0 {
			t.Errorf("%s: named twice, changes nothing, breaks no rule, or has no tests", m.name)
		}
		names[m.name] = true
	}
	if len(names) < 40 {
		t.Errorf("%d mutants are too few", len(names))
	}
}

// Every mutant is noticed: a few of them here, each with -args -plant=all.
func TestMutantsAreCaught(t *testing.T) {
	chosen := choose(t)
	type result struct {
		mutant
		catch
		took time.Duration
		err  error
	}
	results := make([]result, len(chosen))
	slots := make(chan struct{}, *parallel)
	var wg sync.WaitGroup
	for i, m := range chosen {
		dir := t.TempDir()
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			began := time.Now()
			c, err := m.plant(t.Context(), root(t), dir)
			results[i] = result{m, c, time.Since(began), err}
			fmt.Printf("%s: %s %s (%.0f s)\n", m.name, c.pkg, c.test, time.Since(began).Seconds())
		})
	}
	wg.Wait()
	caught := 0
	table := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', 0)
	for _, r := range results {
		by := r.pkg + " " + r.test
		switch {
		case r.err != nil:
			t.Error(r.err)
			by = "no mutant"
		case r.test == "":
			t.Errorf("survived %s: %s (%s)", strings.Join(r.tests, ", "), r.name, r.file)
			by = "SURVIVED"
		default:
			caught++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.0f s\n", r.rule, r.name, by, r.took.Seconds())
	}
	table.Flush()
	t.Logf("%d of %d mutants were caught", caught, len(results))
}

// choose returns the mutants that the flags ask for.
func choose(t *testing.T) []mutant {
	t.Helper()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		t.Fatalf("-only: %v", err)
	}
	var list []mutant
	for _, m := range all() {
		if wanted.MatchString(m.name + " " + m.file) {
			list = append(list, m)
		}
	}
	if *plant != "all" && *only == "" {
		n, err := strconv.Atoi(*plant)
		if err != nil {
			t.Fatalf("-plant=%s: %v", *plant, err)
		}
		r := rand.New(rand.NewPCG(*seed, 0))
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		list = list[:min(n, len(list))]
	}
	var k, of int
	if _, err := fmt.Sscanf(*shard, "%d/%d", &k, &of); err != nil || k < 1 || k > of {
		t.Fatalf("-shard=%s: want something like 2/3", *shard)
	}
	var share []mutant
	for i, m := range list {
		if i%of == k-1 {
			share = append(share, m)
		}
	}
	return share
}
