package conform

import (
	"fmt"
	"go/format"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"

	"uploadd/internal/conform"
	"uploadd/test/program"
)

const figures = "../../internal/conform/costs.go"

// TestFigures measures what each check sends, at the relay, and holds the figures of
// --dry-run to it. With UPDATE=1 in the environment it writes them.
func TestFigures(t *testing.T) {
	t.Parallel()
	s := start(t)
	bare := &relay{}
	s.run(t, bare, nil)
	var costs, sharing strings.Builder
	var shelf string
	for _, c := range conform.Checks() {
		r := &relay{}
		made := &tally{}
		r.fault = made.count
		passes(t, s.run(t, r, []conform.Check{c}))
		requests, sent := r.requests.Load()-bare.requests.Load(), r.sent.Load()
		if c.Group() == "list" && made.files == 3 { // its own Files are those that the group shares
			shelf = fmt.Sprintf("{%d, %d}", 2*made.files, made.bytes)
			requests, sent = requests-2*made.files, sent-made.bytes
			fmt.Fprintf(&sharing, "%q: true,\n", c.ID)
		}
		fmt.Fprintf(&costs, "%q: {%d, %d},\n", c.ID, requests, sent)
	}
	got := must(format.Source(fmt.Appendf(nil, `package conform

// Measured at a server that conforms, by the test of these figures.
var (
	// overhead is what a run sends besides its checks.
	overhead = cost{%d, %d}
	// shelf is the Files that the checks of the list share.
	shelf   = cost%s
	sharing = map[string]bool{
%s}
	costs = map[string]cost{
%s}
)
`, bare.requests.Load(), bare.sent.Load(), shelf, sharing.String(), costs.String())))
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(figures, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(figures); err != nil || string(want) != string(got) {
		t.Errorf("the figures have changed (%v): run this test with UPDATE=1, and look at the difference", err)
	}
}

// tally counts the Files that are made.
type tally struct{ files, bytes int64 }

func (n *tally) count(c *call, next func(*call) *reply) *reply {
	if c.kind == postFile {
		n.files++
		n.bytes += int64(len(c.data))
	}
	return next(c)
}

var planned = regexp.MustCompile(`(\d+) checks, (\d+) requests, ([0-9.]+ [KMG]?i?B) of bodies`)

// TestDryRun holds the figures of a whole run to what comes by at the relay.
func TestDryRun(t *testing.T) {
	t.Parallel()
	s := start(t)
	docs := strings.Join(strings.Fields(string(must(os.ReadFile(docsFile)))), " ")
	for _, tt := range []struct {
		flags string
		large bool
		other bool
	}{{"", false, false}, {"--other-key=x", false, true}, {"--other-key=x --large", true, true}} {
		code, out := program.Run(t.Context(), append([]string{"conform", "--dry-run"}, strings.Fields(tt.flags)...)...)
		m := planned.FindStringSubmatch(out)
		if code != 0 || m == nil {
			t.Fatalf("--dry-run %s: exit %d\n%s", tt.flags, code, out)
		}
		if said := m[2] + " requests and " + m[3]; tt.large == tt.other && !strings.Contains(docs, said) {
			t.Errorf("the docs do not say %q", said)
		}
		r := &relay{}
		o := r.options(s)
		if !tt.other {
			o.OtherKey = ""
		}
		report := must(conform.Run(t.Context(), o, conform.Select(nil, tt.large)))
		if got := fmt.Sprintf("%d checks, %d requests", len(report.Results), r.requests.Load()); got != m[1]+" checks, "+m[2]+" requests" {
			t.Errorf("%s: %s were sent, and %q was said", tt.flags, got, m[0])
		}
		if got := humanize.IBytes(uint64(r.sent.Load())); got != m[3] {
			t.Errorf("%s: %s were sent, and %q was said", tt.flags, got, m[0])
		}
		if report.Requests != r.requests.Load() || report.BytesSent != r.sent.Load() {
			t.Errorf("the report says %d requests and %d bytes, and %d and %d were sent", report.Requests, report.BytesSent, r.requests.Load(), r.sent.Load())
		}
	}
}
