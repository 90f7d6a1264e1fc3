package meta

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// databaseClock is the clock of the database as this process sees it. All that share
// a database go by it: what has expired for one has expired for the others, whatever
// the clocks of their machines say.
type databaseClock struct {
	began time.Time    // with its monotonic reading
	ahead atomic.Int64 // nanoseconds from began and what has passed since to the database's time
	end   context.CancelFunc
	ended sync.WaitGroup
}

// clockPeriod is how often the two are compared: crystals differ by a second in a
// day at most.
const clockPeriod = 10 * time.Second

// newDatabaseClock compares once, and goes on until stop.
func newDatabaseClock(ctx context.Context, db reader) (*databaseClock, error) {
	c := &databaseClock{began: time.Now()}
	if err := c.compare(ctx, db); err != nil {
		return nil, err
	}
	ctx, c.end = context.WithCancel(context.Background())
	c.ended.Go(func() {
		tick := time.NewTicker(clockPeriod)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// A database that does not answer now will the next time.
				_ = c.compare(ctx, db)
			}
		}
	})
	return c, nil
}

// compare asks the database for its time, which is that of the moment between the
// question and the answer. A slow answer says little, and is asked for once more.
func (c *databaseClock) compare(ctx context.Context, db reader) error {
	const quick = 50 * time.Millisecond
	for try := 0; ; try++ {
		asked := time.Since(c.began)
		rows, err := db.query(ctx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`)
		micros, err := one(scanInt, rows, err)
		if err != nil {
			return err
		}
		took := time.Since(c.began) - asked
		if took < quick || try == 2 {
			at := c.began.Add(asked + took/2)
			c.ahead.Store(int64(time.UnixMicro(*micros).Sub(at)))
			return nil
		}
	}
}

// Now is the time of the database.
func (c *databaseClock) Now() time.Time {
	return c.began.Add(time.Since(c.began) + time.Duration(c.ahead.Load())).Round(0)
}

func (c *databaseClock) stop() {
	c.end()
	c.ended.Wait()
}
