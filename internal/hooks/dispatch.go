package hooks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// period is how often a node asks for what is due. What it recorded itself it asks
	// for at once.
	period = 2 * time.Second
	// tidyPeriod is how often it asks for what can be forgotten.
	tidyPeriod = time.Minute
	// atOnce is how many events are sent to one hook at a time, by each node, and sends
	// to all hooks: an endpoint that hangs keeps 8 of them busy and no more.
	atOnce = 8
	sends  = 128
	// lease is how long a node has for the events that it claimed.
	lease = time.Minute
	// stopTime is how long an event that is on its way may take once the process is to
	// end.
	stopTime = 5 * time.Second
	// remembered is how long events that were given up are, and hooks that ended.
	remembered = 30 * 24 * time.Hour
	// horizon is further ahead than anything is ever due.
	horizon = 2 * longest
)

// Dispatcher delivers events. Any number of them may work on the same Store.
type Dispatcher struct {
	Store  Store
	Client *http.Client     // see NewClient
	Now    func() time.Time // the clock of the records
	Log    *slog.Logger
	// Exclusive says that no other process uses the Store: what is being sent at the
	// start was sent by a process that is gone.
	Exclusive bool

	Period time.Duration // between two looks for what is due; 0 is two seconds

	sends chan struct{} // one for each event on its way
	again chan struct{} // there may be more to do

	mu   sync.Mutex
	busy map[string]int // sends to each hook, by its id

	delivered, repeated, givenUp atomic.Int64
}

// Counts is what a Dispatcher has done since it began.
type Counts struct {
	Delivered int64 // events that arrived
	Again     int64 // attempts that did not, after which there is another
	GivenUp   int64 // attempts that did not, and were the last
}

// Counts may be called at any time.
func (d *Dispatcher) Counts() Counts {
	return Counts{d.delivered.Load(), d.repeated.Load(), d.givenUp.Load()}
}

// Run delivers what is due until ctx ends, and then waits for what is on its way, but not
// for long: that is due again at once.
func (d *Dispatcher) Run(ctx context.Context) {
	if d.Period == 0 {
		d.Period = period
	}
	d.sends, d.again, d.busy = make(chan struct{}, sends), make(chan struct{}, 1), map[string]int{}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopTime, stop) })()
	if now := d.Now(); d.Exclusive {
		d.complain(d.Store.FreeEvents(ctx, now.Unix(), now.Add(horizon).Unix()))
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	tick, tidy := time.NewTicker(d.Period), time.NewTicker(tidyPeriod)
	defer tick.Stop()
	defer tidy.Stop()
	for {
		d.round(ctx, sending, &serving)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-tidy.C:
			d.complain(d.Store.TidyHooks(ctx, d.Now().Add(-remembered).Unix()))
		case <-d.Store.Announced():
		case <-d.again:
		}
	}
}

// round begins to serve the hooks for which something is due, each apart from the others.
func (d *Dispatcher) round(ctx, sending context.Context, serving *sync.WaitGroup) {
	due, err := d.Store.DueHooks(ctx, d.Now().Unix())
	if err != nil {
		if ctx.Err() == nil {
			d.complain(err)
		}
		return
	}
	for _, h := range due {
		if free := d.reserve(h.ID); free > 0 {
			serving.Go(func() { d.serve(sending, &h, free) })
		}
	}
}

// reserve takes what is free of the sends to a hook, if it is half of them: they are worth
// a claim, and a few that hang do not keep it from the others.
func (d *Dispatcher) reserve(hook string) (free int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free = atOnce - d.busy[hook]
	if free < atOnce/2 {
		return 0
	}
	d.busy[hook] += free
	return free
}

// release gives sends to a hook back.
func (d *Dispatcher) release(hook string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[hook] -= n; d.busy[hook] == 0 {
		delete(d.busy, hook)
	}
}

// serve sends as many as most of the events that are due to one hook.
func (d *Dispatcher) serve(sending context.Context, h *Hook, most int) {
	now := d.Now()
	events, err := d.Store.ClaimEvents(sending, h.ID, now.Unix(), now.Add(lease).Unix(), most)
	d.release(h.ID, most-len(events))
	d.complain(err) // it is tried again in the next period
	var all sync.WaitGroup
	for i := range events {
		d.sends <- struct{}{}
		all.Go(func() {
			d.settle(sending, h, &events[i], Send(sending, d.Client, h, &events[i], d.Now(), time.Now()))
			d.release(h.ID, 1)
			<-d.sends
			select {
			case d.again <- struct{}{}:
			default:
			}
		})
	}
	all.Wait()
}

// settle records what came of an attempt.
func (d *Dispatcher) settle(sending context.Context, h *Hook, e *Event, a Answer) {
	ctx, now := context.WithoutCancel(sending), d.Now().Unix()
	log := d.Log.With("hook", h.ID, "event", e.ID(), "type", e.Type, "object", e.Object, "attempt", e.Attempts)
	switch {
	case a.Err == nil:
		d.delivered.Add(1)
		d.complain(d.Store.ForgetEvent(ctx, e))
		return
	case sending.Err() != nil: // we have stopped, it has not failed
		d.complain(d.Store.RepeatEvent(ctx, e, now, now, ""))
		return
	}
	wait, more := waitAfter(e.Attempts, a.RetryAfter)
	switch why := a.Err.Error(); {
	case a.Status == http.StatusGone:
		d.givenUp.Add(1)
		ended, err := d.Store.EndHook(ctx, h.ID, now, why)
		if d.complain(err); ended { // by this attempt, of several
			log.Error("the endpoint of a hook is gone: it is told nothing more", "err", a.Err)
		}
	case !more || errors.Is(a.Err, errNoRecord):
		log.Error("an event is given up", "err", a.Err)
		d.givenUp.Add(1)
		d.complain(d.Store.RepeatEvent(ctx, e, now, 0, why))
	default:
		d.repeated.Add(1)
		log.Warn("an event did not arrive", "err", a.Err, "again_in", wait.Round(time.Second).String())
		d.complain(d.Store.RepeatEvent(ctx, e, now, now+int64((wait+time.Second-1)/time.Second), why))
	}
}

func (d *Dispatcher) complain(err error) {
	if err != nil {
		d.Log.Error("the records of hooks", "err", err)
	}
}
