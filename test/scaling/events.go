package scaling

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// world is a time in which things happen one behind the other.
type world struct {
	now    time.Duration
	events events
	made   int
	random *rand.Rand
}

// after has do happen in a while.
func (w *world) after(d time.Duration, do func()) {
	w.made++
	heap.Push(&w.events, event{w.now + d, w.made, do})
}

// run lets everything happen until end.
func (w *world) run(end time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= end {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

type event struct {
	at    time.Duration
	order int // of those at the same time
	do    func()
}

// events are a heap, the next one first.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = event{}
	*e = (*e)[:len(*e)-1]
	return last
}

// resource is something of which there is only so much: who comes first has it first.
type resource struct {
	*world
	free  int
	queue []func()

	used  int
	busy  time.Duration // times how many were used
	since time.Duration
}

func (r *resource) take(then func()) {
	if r.free == 0 {
		r.queue = append(r.queue, then)
		return
	}
	r.free--
	r.count(1)
	then()
}

// give hands it to whoever waits the longest.
func (r *resource) give() {
	if len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.after(0, next)
		return
	}
	r.free++
	r.count(-1)
}

func (r *resource) count(change int) {
	r.busy += time.Duration(r.used) * (r.now - r.since)
	r.since = r.now
	r.used += change
}

// measure returns how long it was used since the last time, times how many of it.
func (r *resource) measure() time.Duration {
	r.count(0)
	busy := r.busy
	r.busy = 0
	return busy
}

// log is flushed for all that wait: those who come meanwhile wait for the next time.
type log struct {
	*system
	flushing bool
	waiting  []func()
}

func (l *log) flush(then func()) {
	l.waiting = append(l.waiting, then)
	if !l.flushing {
		l.flushing = true
		l.next()
	}
}

func (l *log) next() {
	batch := l.waiting
	l.waiting = nil
	l.after(l.Flush, func() {
		if len(l.waiting) > 0 {
			l.next()
		} else {
			l.flushing = false
		}
		for _, then := range batch {
			then()
		}
	})
}
