package conform

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uploadd/internal/conform"
)

// defect is one thing that a server does wrong, and who notices.
type defect struct {
	check string // the check that is there for it
	also  string // others that notice, too
	fault func(s *server) fault
}

func plain(f fault) func(*server) fault { return func(*server) fault { return f } }

// TestEveryCheckCanFail plants a defect for each check, and wants that check to
// notice, and none that has nothing to do with it.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	s := start(t)
	pool := make(chan *server, 4) // projects of their own, so that runs do not see each other
	for i := range cap(pool) {
		name := string(rune('a' + i))
		pool <- &server{Server: s.Server, key: s.project(t, name), other: s.project(t, name+"-other")}
	}
	all := slices.Concat(uploadDefects, partDefects, completeDefects, cancelDefects, fileDefects, formDefects, listDefects, contentDefects, errorDefects, authDefects, extensionDefects, largeDefects)
	planted := map[string]bool{}
	for _, d := range all {
		planted[d.check] = true
	}
	for _, c := range conform.Checks() {
		if !planted[c.ID] {
			t.Errorf("nothing shows that %s can fail", c.ID)
		}
	}
	t.Run("defects", func(t *testing.T) {
		for _, d := range all {
			t.Run(d.check, func(t *testing.T) {
				t.Parallel()
				mine := <-pool
				defer func() { pool <- mine }()
				d.plant(t, mine)
			})
		}
	})
}

// plant runs the checks against a server with the defect.
func (d defect) plant(t *testing.T, s *server) {
	group, _, _ := strings.Cut(d.check, "/")
	only := regexp.MustCompile("^" + group + "/")
	switch {
	case *whole:
		only = nil
	case group == "large":
		only = regexp.MustCompile("^" + d.check + "$")
	}
	report := s.run(t, &relay{fault: d.fault(s)}, conform.Select(only, group == "large"))
	want := map[string]bool{}
	for _, id := range append(strings.Fields(d.also), d.check) {
		if only == nil || only.MatchString(id) {
			want[id] = true
		}
	}
	got := map[string]bool{}
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome == conform.Differs {
			got[r.ID] = true
			if r.Expected == "" || r.Seen == "" {
				t.Errorf("%s does not say what it expected and saw", r.ID)
			}
		} else if r.ID == d.check {
			t.Errorf("%s: %s", r.Outcome, r.Reason)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("noticed by %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	s.empty(t)
}
