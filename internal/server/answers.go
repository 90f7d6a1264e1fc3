package server

import (
	"sync"

	"uploadd/api"
)

// A page of a list may be megabytes, and be held for as long as its client takes to
// read it.
const (
	largeAnswer = 256 << 10 // bytes, from which on an answer counts
	mostAnswers = 64 << 20  // bytes of those that may be under way to one project
)

// answers counts the bytes of large answers under way, by project.
type answers struct {
	mu    sync.Mutex
	under map[string]int
}

// hold counts n bytes for project until release is called, or fails if there are too
// many.
func (a *answers) hold(project string, n int) (release func(), err error) {
	if n < largeAnswer {
		return func() {}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.under[project] > 0 && a.under[project]+n > mostAnswers {
		return nil, api.Errorf(api.ErrTooManyRequests, "", "Too many large pages of lists are under way: read them, or ask for smaller ones with 'limit'.").
			WithRetryAfter(1)
	}
	a.under[project] += n
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.under[project] -= n; a.under[project] == 0 {
			delete(a.under, project)
		}
	}, nil
}
