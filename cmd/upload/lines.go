package main

import (
	"fmt"
	"sync"
	"time"

	"uploadd/api"
	"uploadd/client/transfer"
)

// lines tells of progress where there is no terminal: a line for each file that
// is there, for each pause, and one every some seconds.
type lines struct {
	env   *environment
	stop  chan struct{}
	ended chan struct{}

	mu      sync.Mutex
	tracker *tracker
}

const (
	linePeriod = 10 * time.Second
	lineTick   = time.Second
)

func startLines(env *environment, t *tracker) *lines {
	l := &lines{env: env, tracker: t, stop: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

func (l *lines) run() {
	defer close(l.ended)
	ticker := time.NewTicker(lineTick)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-l.stop:
			return
		}
		l.mu.Lock()
		l.tracker.tick()
		if n%int(linePeriod/lineTick) == 0 {
			l.print(l.tracker.line())
		}
		l.mu.Unlock()
	}
}

// line is how far all of it is.
func (t *tracker) line() string {
	name := t.title()
	if t.files == 1 && len(t.active) == 1 {
		name = shown(t.active[0].name)
	}
	text := fmt.Sprintf("%s: %s, %s of %s", name, percent(t.bytes, t.size), bytesText(t.bytes), bytesText(t.size))
	if speed := t.speed.perSecond(); speed > 0 {
		text += fmt.Sprintf(", %s/s", bytesText(speed))
	}
	if left := t.left(); left != "" {
		text += ", " + left + " left"
	}
	return text
}

func (l *lines) print(line string) { fmt.Fprintln(l.env.stderr, line) }

func (l *lines) progress(p transfer.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracker.update(p)
	switch f := l.tracker.find(p.Name); {
	case p.Event == transfer.Resumed:
		l.print(fmt.Sprintf("%s: %s of %s are there from an earlier run", shown(p.Name), bytesText(p.Bytes), bytesText(p.Total)))
	case p.Event == transfer.Restarted:
		l.print(fmt.Sprintf("%s: sent anew: %s", shown(p.Name), message(p.Err)))
	case p.Event == transfer.Retrying && f != nil:
		l.print(fmt.Sprintf("%s: %s", shown(p.Name), f.waiting(l.tracker.now())))
	}
}

func (l *lines) done(name string, file *api.File) {
	l.finish(name, file.Bytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.env.stdout, shown(file.ID))
}

func (l *lines) finish(name string, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.print(l.tracker.take(name).doneLine(size, 0))
}

func (l *lines) failed(name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tracker.end(name)
	l.print(failureLine(name, err))
}

func (l *lines) close(summary) {
	close(l.stop)
	<-l.ended
}
