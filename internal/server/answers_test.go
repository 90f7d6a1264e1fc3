package server

import (
	"errors"
	"testing"

	"uploadd/api"
)

// Large answers of one project are bounded; small ones, and those of others, are not,
// and one alone is always let.
func TestLargeAnswers(t *testing.T) {
	a := answers{under: map[string]int{}}
	hold := func(project string, n int) func() {
		t.Helper()
		release, err := a.hold(project, n)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	releaseHuge := hold("huge", 2*mostAnswers)
	first := hold("p", mostAnswers-largeAnswer)
	second := hold("p", largeAnswer)
	if _, err := a.hold("p", largeAnswer); !errors.Is(err, api.ErrTooManyRequests) {
		t.Errorf("one too many: %v", err)
	}
	hold("p", largeAnswer-1)()
	hold("q", largeAnswer)()
	first()
	hold("p", largeAnswer)()
	second()
	releaseHuge()
	if len(a.under) != 0 {
		t.Errorf("once all are sent, %v are counted", a.under)
	}
}
