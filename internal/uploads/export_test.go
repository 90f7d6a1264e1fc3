package uploads

import (
	"log/slog"
	"time"
)

// NewClock lets tests set both clocks.
func NewClock(wall func() time.Time, elapsed func() time.Duration) func() time.Time {
	return newClock(wall, elapsed, slog.New(slog.DiscardHandler)).Now
}

// RunningMD5s is how many Uploads have one.
func (s *Service) RunningMD5s() int { return len(s.md5s.uploads) }

// InFlight is how many accounts have bytes in flight.
func (s *Service) InFlight() int { return len(s.flights.bytes) }
