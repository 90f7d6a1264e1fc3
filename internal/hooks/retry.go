package hooks

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// schedule is how long to wait after each attempt that failed, as Standard Webhooks
// recommends: ten attempts within some three days.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// longest bounds what an endpoint may ask for.
const longest = 24 * time.Hour

// waitAfter is how long to wait after so many attempts. It is not ok if that was the last
// one. The endpoint is not asked again sooner than it asked for.
func waitAfter(attempts int, asked time.Duration) (wait time.Duration, ok bool) {
	if attempts > len(schedule) {
		return 0, false
	}
	wait = schedule[max(attempts, 1)-1]
	wait += rand.N(wait/5 + 1) // #nosec G404 -- so that what failed together does not come back together
	return max(wait, min(asked, longest)), true
}

// retryAfter reads the header of that name: seconds, or a date; 0 if it says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
