package main

import (
	"slices"
	"time"

	"uploadd/client/transfer"
)

// tracker knows how far everything is. It is not safe for concurrent use.
type tracker struct {
	now    func() time.Time
	began  time.Time
	files  int                      // in all
	ended  int                      // of them, be it well or not
	size   int64                    // of all those not ended whose size is known, and bytes of those ended
	bytes  int64                    // that have been sent, or were there
	active []*transferring          // in the order in which they began
	sizes  map[string]int64         // of all that are not ended
	over   map[string]*transferring // ended well, and not yet told of
	speed  meter
}

// transferring is a file under way, or one fetched.
type transferring struct {
	name         string
	began, ended time.Time
	bytes, total int64
	moved        int64 // bytes that this run has sent
	event        transfer.Event
	err          error     // why it waits
	until        time.Time // when it goes on
	speed        meter
}

func newTracker(items []*item) *tracker {
	t := &tracker{now: time.Now, files: len(items), sizes: map[string]int64{}, over: map[string]*transferring{}}
	t.began = t.now()
	for _, it := range items {
		if it.size > 0 && it.err == nil {
			t.sizes[it.name] = it.size
			t.size += it.size
		}
	}
	return t
}

// update takes in what the uploader tells.
func (t *tracker) update(p transfer.Progress) {
	f := t.find(p.Name)
	if f == nil {
		f = &transferring{name: p.Name, began: t.now()}
		t.active = append(t.active, f)
	}
	if known := t.sizes[p.Name]; p.Total != known { // of a stream, or it grew
		t.size += p.Total - known
		t.sizes[p.Name] = p.Total
	}
	t.bytes += p.Bytes - f.bytes
	switch p.Event {
	case transfer.Started, transfer.Resumed, transfer.Restarted:
		// What was there before was not sent now.
	default:
		f.moved += p.Bytes - f.bytes
		t.speed.moved += p.Bytes - f.bytes
		f.speed.moved = f.moved
	}
	f.bytes, f.total, f.event, f.err = p.Bytes, p.Total, p.Event, p.Err
	if f.until = (time.Time{}); p.Wait > 0 {
		f.until = t.now().Add(p.Wait)
	}
	if p.Event == transfer.Done {
		t.over[p.Name] = t.end(p.Name)
	}
}

func (t *tracker) find(name string) *transferring {
	for _, f := range t.active {
		if f.name == name {
			return f
		}
	}
	return nil
}

// end takes out a file that has ended, and returns what was known of it. What is
// missing of one that failed counts no more.
func (t *tracker) end(name string) *transferring {
	f := t.find(name)
	if f == nil {
		f = &transferring{name: name, began: t.now()}
	}
	f.ended = t.now()
	t.active = slices.DeleteFunc(t.active, func(a *transferring) bool { return a == f })
	t.size -= t.sizes[name] - f.bytes
	delete(t.sizes, name)
	t.ended++
	return f
}

// take returns what is known of a file that has ended well, once.
func (t *tracker) take(name string) *transferring {
	f, ok := t.over[name]
	if !ok {
		f = t.end(name)
	}
	delete(t.over, name)
	return f
}

// tick is called several times a second, so that speeds can be told.
func (t *tracker) tick() {
	now := t.now()
	t.speed.tick(now)
	for _, f := range t.active {
		f.speed.tick(now)
	}
}

// meter tells a speed: that of the last seconds, so that it neither jumps nor
// remembers for ever.
type meter struct {
	moved   int64
	samples []sample
}

type sample struct {
	at    time.Time
	moved int64
}

const speedWindow = 10 * time.Second

func (m *meter) tick(now time.Time) {
	for len(m.samples) > 1 && now.Sub(m.samples[1].at) > speedWindow {
		m.samples = m.samples[1:]
	}
	m.samples = append(m.samples, sample{now, m.moved})
}

// perSecond is 0 as long as it is not known.
func (m *meter) perSecond() int64 {
	if len(m.samples) < 2 {
		return 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	d := last.at.Sub(first.at)
	if d <= 0 {
		return 0
	}
	return max(int64(float64(last.moved-first.moved)/d.Seconds()), 0)
}

// left is how long the rest takes at this speed, and whether that is known.
func (m *meter) left(bytes int64) (time.Duration, bool) {
	speed := m.perSecond()
	if speed == 0 || bytes/speed > 1<<30 {
		return 0, false
	}
	return time.Duration(float64(bytes) / float64(speed) * float64(time.Second)), true
}
