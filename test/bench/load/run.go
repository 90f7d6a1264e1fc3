package load

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Each has n things done by as many clients at once, each on a connection of its own.
func Each(address string, n, clients int, do func(c *Conn, i int) error) error {
	var next atomic.Int64
	return crowd(address, min(clients, n), func(c *Conn) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := do(c, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// For has clients do a thing over and over, for a time, and returns how often they did
// in each second of it. i is different each time.
func For(address string, period time.Duration, clients int, do func(c *Conn, i int) error) (rate float64, err error) {
	var next, done atomic.Int64
	var begun sync.Once
	var began time.Time
	err = crowd(address, clients, func(c *Conn) error {
		begun.Do(func() { began = time.Now() })
		for time.Since(began) < period {
			if err := do(c, int(next.Add(1))-1); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(began).Seconds(), err
}

// crowd runs clients at once, whose connections are open before the first begins.
func crowd(address string, clients int, run func(c *Conn) error) error {
	conns := make([]*Conn, clients)
	for i := range conns {
		c, err := Dial(address)
		if err != nil {
			return err
		}
		defer c.Close()
		conns[i] = c
	}
	var g errgroup.Group
	for _, c := range conns {
		g.Go(func() error { return run(c) })
	}
	return g.Wait()
}
