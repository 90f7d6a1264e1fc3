// Package conform holds a server against what OpenAI's Uploads and Files APIs promise:
// from outside, over HTTP, and knowing nothing of who wrote it. It asks only what has a
// source that anybody can read: the reference, the source of an official SDK, recorded
// traffic of the service, or an RFC.
//
// It is made to be run against an account that is in use. What it makes has names of its
// own and is removed behind each check; lists are read; nothing else is touched.
package conform

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Check is one thing that a server is to do.
type Check struct {
	ID       string   // "group/name"; it stays the same from version to version
	Holds    string   // what holds where the server passes, as a sentence
	Severity Severity // of a server that does otherwise
	Source   Source
	run      func(*probe)
}

// Group is the first half of the id.
func (c *Check) Group() string {
	group, _, _ := strings.Cut(c.ID, "/")
	return group
}

// Large says that the check sends much, or many requests, and runs only when asked for.
func (c *Check) Large() bool { return c.Group() == "large" }

// Severity says what comes of a difference. A larger one is worse.
type Severity int

const (
	// Cosmetic: it looks different, and no program is known that minds.
	Cosmetic Severity = iota + 1
	// Documented: what the documentation promises does not hold.
	Documented
	// SDK: an official SDK breaks, or does what it should not.
	SDK
	// Data: bytes are wrong or lost, or others get to see them.
	Data
)

var severities = map[Severity]string{Cosmetic: "cosmetic", Documented: "documented", SDK: "sdk", Data: "data"}

func (s Severity) String() string { return severities[s] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(text []byte) error {
	for severity, name := range severities {
		if name == string(text) {
			*s = severity
			return nil
		}
	}
	return fmt.Errorf("'%s' is not a severity: take data, sdk, documented or cosmetic", text)
}

// Checks returns all checks, in the order in which they run.
func Checks() []Check {
	return slices.Concat(uploadChecks, partChecks, completeChecks, cancelChecks, fileChecks, formChecks, fileFormChecks,
		listChecks, contentChecks, errorChecks, authChecks, extensionChecks, largeChecks)
}

// Select returns the checks whose ids match only, nil for all, with the large ones if
// large says so.
func Select(only *regexp.Regexp, large bool) []Check {
	return slices.DeleteFunc(Checks(), func(c Check) bool {
		return c.Large() && !large || only != nil && !only.MatchString(c.ID)
	})
}

// Run runs the checks against the server, one behind the other. When ctx ends no further
// request is begun, but those that remove what was made. It fails if the server could not
// be asked at all; a server that differs is no failure.
func Run(ctx context.Context, o Options, checks []Check) (*Report, error) {
	s, err := newSession(ctx, o)
	if err != nil {
		return nil, err
	}
	report := &Report{Server: s.url.Redacted(), Run: s.tag, Purpose: s.Purpose, StartedAt: s.began.Unix()}
	if err := s.greet(); err != nil {
		return nil, err
	}
	for i := range checks {
		if i > 0 && checks[i].Group() != checks[i-1].Group() {
			s.leaveGroup()
		}
		if s.Progress != nil {
			s.Progress(i, len(checks), checks[i].ID)
		}
		report.Results = append(report.Results, s.try(&checks[i]))
	}
	s.leaveGroup()
	report.Left = s.sweep()
	report.UnsureUploads, report.UnsureFiles = s.unsureUploads, s.unsureFiles
	report.Requests, report.BytesSent = s.requests.Load(), s.sent.Load()
	report.Interrupted = ctx.Err() != nil
	return report, nil
}

// try runs one check and removes what it made.
func (s *session) try(c *Check) (r Result) {
	r = Result{Check: *c}
	if s.stopped() {
		r.Outcome, r.Reason = Untried, "the run was interrupted"
		return r
	}
	defer s.removeAll(func(t *thing) bool { return !t.shared })
	defer func() {
		switch v := recover().(type) {
		case nil:
			r.Outcome = Holds
		case verdict:
			r.verdict = v
		default:
			panic(v)
		}
	}()
	c.run(&probe{session: s, check: c})
	return r
}
