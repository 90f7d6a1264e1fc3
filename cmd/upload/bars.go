package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"uploadd/api"
	"uploadd/client/transfer"
)

// bars shows progress on a terminal.
type bars struct {
	screen *screen
	stop   chan struct{}
	ended  chan struct{}

	mu      sync.Mutex
	tracker *tracker
}

const redraw = 200 * time.Millisecond

func startBars(t *tracker, s *screen) *bars {
	b := &bars{screen: s, tracker: t, stop: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

func (b *bars) run() {
	defer close(b.ended)
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-b.stop:
			return
		}
		b.mu.Lock()
		b.tracker.tick()
		w, h := b.screen.size()
		b.screen.draw(b.tracker.frame(w, h))
		b.mu.Unlock()
	}
}

func (b *bars) progress(p transfer.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracker.update(p)
}

func (b *bars) done(name string, file *api.File) {
	b.finish(name, file.Bytes)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.screen.result(shown(file.ID))
}

func (b *bars) finish(name string, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, _ := b.screen.size()
	b.screen.print(b.tracker.take(name).doneLine(size, w))
}

func (b *bars) failed(name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracker.end(name)
	b.screen.print(failureLine(name, err))
}

func (b *bars) close(summary) {
	close(b.stop)
	<-b.ended
	b.mu.Lock()
	defer b.mu.Unlock()
	b.screen.draw(nil)
}

// screen draws lines that stay at the end of what a terminal shows, and prints
// others above them. Each change is one write, and erases only what is written
// anew, so that nothing flickers.
type screen struct {
	env   *environment
	out   *os.File
	drawn []string
}

// newScreen is nil where standard error is no terminal that can do this.
func newScreen(env *environment) *screen {
	out := terminal(env.stderr)
	if kind := env.getenv("TERM"); out == nil || kind == "" || kind == "dumb" || runtime.GOOS == "windows" {
		return nil
	}
	return &screen{env: env, out: out}
}

// size is that of the terminal now: it changes when its window does.
func (s *screen) size() (w, h int) {
	w, h, err := term.GetSize(int(s.out.Fd()))
	if err != nil || w < 1 || h < 1 {
		return 80, 24
	}
	return w, h
}

const (
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
)

// draw puts lines in the place of those drawn before.
func (s *screen) draw(lines []string) {
	var b strings.Builder
	rows := s.rows()
	b.WriteString(up(rows))
	for _, line := range lines {
		b.WriteString(line + eraseLine + "\n")
	}
	if len(lines) < rows {
		b.WriteString(eraseBelow)
	}
	s.write(b.String())
	s.drawn = lines
}

// print puts a line above those drawn.
func (s *screen) print(line string) {
	lines := s.drawn
	above := up(s.rows()) + line + eraseLine + "\n" + eraseBelow
	s.drawn = nil
	s.write(above)
	s.draw(lines)
}

// result prints a line to standard output, which may be the same terminal.
func (s *screen) result(line string) {
	if terminal(s.env.stdout) == nil {
		fmt.Fprintln(s.env.stdout, line)
		return
	}
	lines := s.drawn
	s.draw(nil)
	fmt.Fprintln(s.env.stdout, line)
	s.draw(lines)
}

// rows is how many the lines drawn take now. A terminal that has become narrower
// has wrapped them.
func (s *screen) rows() (n int) {
	w, _ := s.size()
	for _, line := range s.drawn {
		n += max((columns(line)+w-1)/w, 1)
	}
	return n
}

func up(rows int) string {
	if rows == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", rows)
}

// write has nobody to tell that the terminal is gone.
func (s *screen) write(text string) { _, _ = s.out.WriteString(text) }
