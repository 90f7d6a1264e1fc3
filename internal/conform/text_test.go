package conform

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// sample is a report with one of everything.
func sample() *Report {
	checks := Checks()
	return &Report{
		Server: "https://example.com/v1", Run: Prefix + "00000000", Requests: 12, BytesSent: 34567,
		Results: []Result{
			{checks[0], verdict{Outcome: Holds}},
			{checks[1], verdict{Outcome: Differs, Expected: "a very long sentence of what is expected " + strings.Repeat("and more ", 20),
				Seen: short("\x1b[31m" + strings.Repeat("x", 500)), RequestID: "req_1"}},
			{checks[30], verdict{Outcome: Untried, Reason: "POST /uploads answers 500"}},
			{checks[40], verdict{Outcome: Skipped, Reason: "it is not for this server"}},
		},
		Left: []Leftover{{"file", "file-1", "500"}}, UnsureUploads: 1,
	}
}

// TestTextFits wants lines that are not wider than the terminal, but for URLs.
func TestTextFits(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		var b strings.Builder
		if err := sample().Text(&b, width, false); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if strings.HasPrefix(line, " ") && utf8.RuneCountInString(line) > width && !strings.Contains(line, "https://") {
				t.Errorf("%d columns: %q has %d", width, line, utf8.RuneCountInString(line))
			}
		}
		for _, want := range []string{"holds", "differs", "severity", "request req_1", "because", "1 differ, 1 were skipped, 1 could not be tried", "1 sdk", "Not removed: file file-1: 500", "Of the requests that make Uploads 1 were not answered"} {
			if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
				t.Errorf("%d columns: there is no %q in\n%s", width, want, b.String())
			}
		}
	}
}

func TestTextColours(t *testing.T) {
	var plain, coloured strings.Builder
	sample().Text(&plain, 100, false)
	sample().Text(&coloured, 100, true)
	colours := regexp.MustCompile("\x1b\\[[0-9]+m")
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("there are colours, or what a server sent moves the cursor")
	}
	if got := colours.ReplaceAllString(coloured.String(), ""); got != plain.String() || got == coloured.String() {
		t.Errorf("without its colours the text is\n%s", got)
	}
}

// TestMarkdownCells keeps what servers say inside of its cell.
func TestMarkdownCells(t *testing.T) {
	r := sample()
	r.Results[1].Seen = "a | b <b> `c`"
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `Seen: a \| b \<b> 'c'.`) {
		t.Error(b.String())
	}
}

// TestIDs wants every id once, in its group, with everything that belongs to a check.
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	groups := map[string]int{}
	last := ""
	for i, c := range Checks() {
		if seen[c.ID] || !form.MatchString(c.ID) || !strings.HasSuffix(c.Holds, ".") || c.Severity == 0 || c.Source.URL == "" || c.Source.Basis == "" || c.run == nil {
			t.Errorf("%d: %+v", i, c)
		}
		seen[c.ID] = true
		if c.Group() != last {
			groups[c.Group()]++
			last = c.Group()
		}
		if _, name, _ := strings.Cut(c.ID, "/"); len(name) >= nameWidth {
			t.Errorf("%s does not fit its column", c.ID)
		}
	}
	for g, n := range groups {
		if n != 1 {
			t.Errorf("the group %s is in %d places", g, n)
		}
	}
}
