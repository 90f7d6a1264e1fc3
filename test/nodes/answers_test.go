package nodes

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"uploadd/api"
)

// answers counts what was answered, and what was not.
type answers struct {
	mu     sync.Mutex
	all    int
	run    int // of good ones since the last bad one
	failed map[string]int
	from   time.Time // what was asked before is not counted
}

// counted notes the answers that come by way of a transport.
type counted struct {
	http.RoundTripper
	answers *answers
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := c.RoundTripper.RoundTrip(r)
	if r.Context().Err() != nil {
		return resp, err // the test itself has ended
	}
	failure := ""
	switch {
	case err != nil:
		failure = err.Error()
	case resp.StatusCode >= 500:
		failure = resp.Status
	}
	if failure != "" {
		failure = fmt.Sprintf("%s %s after %s: %s", r.Method, r.URL.Path, time.Since(began).Round(time.Second), failure)
	}
	c.answers.note(began, failure)
	return resp, err
}

func (a *answers) note(began time.Time, failure string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if began.Before(a.from) {
		return
	}
	a.all++
	a.run++
	if failure != "" {
		a.run = 0
		if a.failed == nil {
			a.failed = map[string]int{}
		}
		a.failed[failure]++
	}
}

// since returns how many answers there were since it was last called, and which were
// failures.
func (a *answers) since() (all int, failed map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, failed = a.all, a.failed
	a.all, a.failed, a.from = 0, nil, time.Now()
	return all, failed
}

func (a *answers) good() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.run
}

const (
	// settles is within what time after the end of a fault all is well again. It takes
	// a second or two where the machine has nothing else to do.
	settles = 60 * time.Second
	// wellAgain is how many good answers, one behind the other, show that.
	wellAgain = 100
)

// awaitGood waits for so many good answers.
func awaitGood(t *testing.T, a *answers) {
	t.Helper()
	a.mu.Lock()
	a.run = 0
	a.mu.Unlock()
	for end := time.Now().Add(time.Minute); a.good() < wellAgain; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			_, failed := a.since()
			t.Fatalf("the nodes fail: %v", failed)
		}
	}
}

// settled waits until the nodes answer as they should, after a fault has ended, and
// fails the test for each failure in the time that follows.
func (a *answers) settled(t *testing.T, watched time.Duration) (after time.Duration) {
	t.Helper()
	began := time.Now()
	a.note(began, "the fault ends")
	for a.good() < wellAgain {
		if time.Sleep(20 * time.Millisecond); time.Since(began) > settles {
			_, failed := a.since()
			t.Errorf("%s after its end the nodes still fail: %v", settles, failed)
			return settles
		}
	}
	after = time.Since(began)
	a.since()
	time.Sleep(watched)
	all, failed := a.since()
	if len(failed) > 0 {
		t.Errorf("after all was well again, of %d answers failed: %v", all, failed)
	}
	if all == 0 {
		t.Error("nothing was answered: this has shown nothing")
	}
	return after
}

// excused says whether an error may come of a fault. An answer that says "internal
// error" may not.
func excused(err error) bool {
	var answer *api.Error
	return !errors.As(err, &answer) || errors.Is(err, api.ErrUnavailable)
}

// await waits until a server answers again.
func await(t *testing.T, a api.API) {
	t.Helper()
	var err error
	for end := time.Now().Add(settles); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err = a.Usage(background); err == nil {
			return
		}
	}
	t.Fatalf("after %s: %v", settles, err)
}
