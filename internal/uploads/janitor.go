package uploads

import (
	"context"
	"fmt"
	"time"
)

const (
	// janitorBatch bounds a step, so that no transaction holds others up.
	janitorBatch = 500
	// remembered is how long ended Uploads and deleted Files keep their record:
	// the place in the list of those who page through it, and the answer to
	// those who ask again.
	remembered = 30 * 24 * time.Hour
	// doomedFor is how long a node has for a batch before others take it over.
	doomedFor = time.Minute
)

// Janitor cleans up every period until ctx ends. Any number may run at once.
func (s *Service) Janitor(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if _, err := s.Clean(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("the janitor could not finish", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Recover begins after a process that is gone: its reservations are due as soon as
// nothing can appear under them any more. It may be called only before the Service is used, and does nothing unless
// the stores are Exclusive. It takes no longer for more Files.
func (s *Service) Recover(ctx context.Context) error {
	if !s.Exclusive {
		return nil
	}
	now := s.now()
	return s.Meta.Recover(ctx, now, s.settled(now), s.due(now)) // what was let go is due sooner than any reservation
}

// Clean does all that is due: it ends what is past its time, deletes the blobs
// that are due in the bin, and forgets what ended long ago. It returns how many
// keys left the bin; under some of them nothing was ever stored.
func (s *Service) Clean(ctx context.Context) (deleted int, err error) {
	now := s.now()
	s.md5s.expire(now)
	err = repeat(func() (int, error) { return s.Meta.Expire(ctx, now, s.due(now), janitorBatch) })
	if err != nil {
		return 0, fmt.Errorf("ending what expired: %w", err)
	}
	if deleted, err = s.emptyBin(ctx, now); err != nil {
		return deleted, fmt.Errorf("emptying the bin: %w", err)
	}
	before := now - int64(remembered/time.Second)
	err = repeat(func() (int, error) { return s.Meta.Purge(ctx, before, janitorBatch) })
	if err != nil {
		return deleted, fmt.Errorf("forgetting old records: %w", err)
	}
	return deleted, nil
}

// emptyBin deletes every blob that is due. A blob that cannot be deleted stays
// in the bin for the next time and holds up no other.
func (s *Service) emptyBin(ctx context.Context, now int64) (deleted int, err error) {
	if s.Hold != nil {
		release, err := s.Hold()
		if err != nil || release == nil {
			return 0, err // they stay in the bin for the next time
		}
		defer release()
	}
	for {
		again := now
		if !s.Exclusive { // from now on: the batches before may have taken long
			again = s.now() + int64(doomedFor/time.Second)
		}
		keys, err := s.Meta.Doom(ctx, now, again, janitorBatch)
		if err != nil || len(keys) == 0 {
			return deleted, err
		}
		gone, failed := s.Blobs.Delete(ctx, keys)
		if err := s.Meta.Forget(ctx, gone); err != nil {
			return deleted, err
		}
		deleted += len(gone)
		if failed != nil {
			return deleted, failed
		}
	}
}

// repeat calls step until it finds less than a full batch to do.
func repeat(step func() (int, error)) error {
	for {
		if n, err := step(); err != nil || n < janitorBatch {
			return err
		}
	}
}
