package uploads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

const (
	// readyTime is how long a store may take to say that it is there.
	readyTime = 3 * time.Second
	// readyPeriod is how often a remote store is asked at most: anybody may ask a server
	// whether it is ready, and each request to the store has its price.
	readyPeriod = time.Second
)

// lookout asks whether blobs can be reached.
type lookout struct {
	mu    sync.Mutex // held while one asks, so that the others share the answer
	asked time.Time
	err   error
}

// Ready says whether the stores answer. They may be full.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.Meta.Ping(ctx); err != nil || !s.Remote {
		return err
	}
	return s.lookout.ask(ctx, s.Blobs)
}

func (l *lookout) ask(ctx context.Context, blobs Blobs) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.asked.IsZero() && time.Since(l.asked) < readyPeriod {
		return l.err
	}
	// Who asked may leave: the answer is for others too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	// A store that says there is no such blob has answered.
	if _, err := blobs.Size(ctx, partPrefix+"ready"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.err = fmt.Errorf("the store of bytes: %w", err)
	} else {
		l.err = nil
	}
	l.asked = time.Now()
	return l.err
}
