package transfer

import (
	"context"
	"sync"
	"time"
)

// pace spreads bytes over time.
type pace struct {
	perSecond int64 // 0: as they come

	mu   sync.Mutex
	next time.Time // when the bytes that were let go have taken their time
}

// wait returns when n more bytes may go. Each waits for those before it, not
// for itself, so that the rate holds whatever n is.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.perSecond <= 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	p.mu.Unlock()
	return sleep(ctx, delay)
}

// sleep returns when d has passed, or why ctx ended before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
