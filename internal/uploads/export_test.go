package uploads

import (
	"log/slog"
	"time"
)

// NewClock lets tests set both clocks.
func NewClock(wall func() time.Time, elapsed func() time.Duration) func() time.Time {
	return newClock(wall, elapsed, slog.New(slog.DiscardHandler)).Now
}
