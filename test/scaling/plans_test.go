package scaling

import (
	"context"
	"regexp"
	"testing"
)

type step struct {
	name string
	do   func(context.Context, int) error
}

// steps are all that happens often, in an order in which each finds what it needs.
func (o operations) steps() []step {
	return []step{
		{"reserve 64 keys", o.reserve},
		{"create an Upload", o.create},
		{"look at an Upload", o.lookAtUpload},
		{"add a Part", o.addPart},
		{"complete", o.complete},
		{"create a File", o.createFile},
		{"look at a File", o.lookAtFile},
		{"a page of 100 Files", o.listFiles},
		{"a page of one purpose", o.listPurpose},
		{"a janitor's round", o.clean},
		{"delete a File", o.deleteFile},
	}
}

var whole = regexp.MustCompile(`Seq Scan on (files|parts|uploads)\b`)

// What a statement looks at does not grow with the number of Files, neither with a plan
// of its own nor with the one that PostgreSQL makes for all arguments (after five).
func TestPlans(t *testing.T) {
	const pagesOfAPage, repeats = 400, 8
	server, journal := startJournaled(t)
	store, url := open(t, server)
	fill(t, connect(t, url), medium, *files)
	journal.follow(t, url)
	ops := operations{store: store, project: "project-7"}
	for _, s := range ops.steps() {
		for n := range repeats {
			if err := s.do(t.Context(), n); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		list := journal.since(t)
		if len(list) < repeats {
			t.Errorf("%s: the journal has %d statements", s.name, len(list))
		}
		for _, st := range list {
			if whole.MatchString(st.plan) || st.pages > pagesOfAPage {
				t.Errorf("%s looks at %d pages:\n%s\n%s", s.name, st.pages, st.text, st.plan)
			}
		}
		var sum int
		for _, st := range list {
			sum += st.pages
		}
		t.Logf("%-21s %5.1f statements, %6.1f pages", s.name, float64(len(list))/repeats, float64(sum)/repeats)
	}
}
