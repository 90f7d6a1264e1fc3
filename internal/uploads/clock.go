package uploads

import (
	"log/slog"
	"sync"
	"time"
)

// clock is the time by which Uploads and Files live and end. It goes on with the
// time that passes, whatever becomes of the wall clock, and makes up for a
// difference between the two by running up to an eighth faster or slower. So a
// wall clock that is set, by a second or by a year, ends nothing young and keeps
// nothing old alive: what is to live for an hour lives for 53 to 69 minutes.
// (A leap, the other way of catching up, would end everything at once.)
//
// A new process takes the wall clock as it finds it: how long it was away
// nobody else could tell.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // since some moment; it never goes back
	log     *slog.Logger

	mu     sync.Mutex
	now    time.Time
	at     time.Duration // elapsed at now
	warned bool
}

const (
	// catchUp is how much of the time that passes goes into catching up.
	catchUp = 8
	// maxStep bounds what a reading after a long silence may catch up at once.
	// The janitor reads the clock more often.
	maxStep = time.Minute
	// noticeable is a difference worth a warning.
	noticeable = time.Minute
)

// newClock returns a clock that begins with the wall clock.
func newClock(wall func() time.Time, elapsed func() time.Duration, log *slog.Logger) *clock {
	return &clock{wall: wall, elapsed: elapsed, log: log, now: wall(), at: elapsed()}
}

// systemClock is a clock that follows wall, or the clock of this machine for nil.
func systemClock(wall func() time.Time, log *slog.Logger) *clock {
	if wall == nil {
		wall = func() time.Time { return time.Now().Round(0) } // without the monotonic reading
	}
	start := time.Now()
	return newClock(wall, func() time.Duration { return time.Since(start) }, log)
}

// Now never goes back.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.elapsed()
	passed := at - c.at
	c.now, c.at = c.now.Add(passed), at
	most := min(passed, maxStep) / catchUp
	behind := c.wall().Sub(c.now)
	c.now = c.now.Add(max(-most, min(behind, most)))
	c.warn(behind)
	return c.now
}

// warn says once that the wall clock has been set.
func (c *clock) warn(behind time.Duration) {
	far := behind.Abs() > noticeable
	if far && !c.warned {
		c.log.Warn("the wall clock was set: what is stored follows it slowly, and a restart at once", "by", behind)
	}
	c.warned = far
}
