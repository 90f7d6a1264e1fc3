package access

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"uploadd/api"
	"uploadd/internal/uploads"
)

// maxInFlight is how many requests a key or a project may have under way at once.
// One that sends slowly holds little, so that this bounds what all of them hold.
const maxInFlight = 512

// meter counts the requests of one key or project: how many in the last minute, and
// how many now.
type meter struct {
	mu     sync.Mutex
	bucket *rate.Limiter // nil without a limit
	limit  int64
	now    int
}

// enter counts a request, if there may be another. perMinute is the limit, which
// may differ from that of the request before.
func (m *meter) enter(now time.Time, perMinute int64) (leave func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now >= maxInFlight {
		return nil, api.Errorf(api.ErrTooManyRequests, "", "There are %d requests under way, which is the most at once.", maxInFlight).
			WithRetryAfter(1)
	}
	if perMinute != uploads.Unlimited {
		if wait := m.take(now, perMinute); wait > 0 {
			return nil, api.Errorf(api.ErrTooManyRequests, "", "Rate limit reached: %d requests a minute are the most.", perMinute).
				WithRetryAfter(int(math.Ceil(wait.Seconds())))
		}
	}
	m.now++
	return sync.OnceFunc(m.leave), nil
}

func (m *meter) leave() {
	m.mu.Lock()
	m.now--
	m.mu.Unlock()
}

// take takes a token, or says how long it will be until there is one. Ten seconds'
// worth may come at once.
func (m *meter) take(now time.Time, perMinute int64) (wait time.Duration) {
	if m.bucket == nil || m.limit != perMinute {
		m.bucket = rate.NewLimiter(rate.Limit(float64(perMinute)/60), int(max(perMinute/6, 1)))
		m.limit = perMinute
	}
	if perMinute == 0 {
		return time.Minute
	}
	r := m.bucket.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
