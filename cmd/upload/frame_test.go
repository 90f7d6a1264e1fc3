package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"uploadd/client/transfer"
)

const mib = 1 << 20

// half is two files in the middle of being sent, at a steady 2 MiB/s in all.
func half(t *testing.T) *tracker {
	t.Helper()
	now := time.Unix(1000, 0)
	tr := newTracker([]*item{{name: "big.jsonl", size: 100 * mib}, {name: "a rather long name of a paper, second edition.pdf", size: 50 * mib}, {name: "later", size: 10 * mib}})
	tr.now = func() time.Time { return now }
	for _, it := range []string{"big.jsonl", "a rather long name of a paper, second edition.pdf"} {
		tr.update(transfer.Progress{Name: it, Event: transfer.Started, Total: tr.sizes[it]})
	}
	for s := range int64(25) {
		now = now.Add(time.Second)
		for _, f := range tr.active {
			tr.update(transfer.Progress{Name: f.name, Event: transfer.Sent, Bytes: (s + 1) * mib, Total: f.total})
		}
		tr.tick()
	}
	return tr
}

func TestFrame(t *testing.T) {
	want := strings.Trim(`
big.jsonl                     [======>                       ]   25%   1m15s   1.0 MiB/s     25 MiB / 100 MiB
a rather long…nd edition.pdf  [==============>               ]   50%     25s   1.0 MiB/s      25 MiB / 50 MiB
0 of 3 files                  [========>                     ]   31%     55s   2.0 MiB/s     50 MiB / 160 MiB
`, "\n")
	if got := strings.Join(half(t).frame(110, 24), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = strings.Trim(`
big.jsonl             25%   1m15s   1.0 MiB/s
a rather …ition.pdf   50%     25s   1.0 MiB/s
0 of 3 files          31%     55s   2.0 MiB/s
`, "\n")
	if got := strings.Join(half(t).frame(46, 24), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFrameFits: whatever the size of the terminal and of the names, no line
// reaches its edge, and all of them leave room on it.
func TestFrameFits(t *testing.T) {
	tr := half(t)
	for i, name := range []string{"日本語の名前.txt", strings.Repeat("x", 300), "\x1b[31mred", "waits"} {
		p := transfer.Progress{Name: name, Event: transfer.Sent, Bytes: int64(i) << 40, Total: 5 << 40}
		if name == "waits" {
			p.Event, p.Err, p.Wait = transfer.Retrying, errors.New("503 Service Unavailable:\n"+strings.Repeat("y", 300)), time.Minute
		}
		tr.update(p)
	}
	for w := 1; w < 200; w++ {
		for _, h := range []int{1, 2, 3, 4, 10, 50} {
			lines := tr.frame(w, h)
			if len(lines) >= h {
				t.Errorf("%dx%d: %d lines", w, h, len(lines))
			}
			for _, line := range lines {
				if columns(line) >= w || strings.ContainsAny(line, "\n\x1b") {
					t.Errorf("%dx%d: %d columns: %q", w, h, columns(line), line)
				}
			}
		}
	}
}

func TestManyFiles(t *testing.T) {
	tr := half(t)
	for i := range 20 {
		tr.update(transfer.Progress{Name: fmt.Sprint("small", i), Event: transfer.Started, Total: 1})
	}
	lines := tr.frame(80, 40)
	if len(lines) != 10 || lines[8] != "... and 14 more" || !strings.HasPrefix(lines[9], "0 of 3 files") {
		t.Errorf("%q", lines)
	}
}

// TestSpeed: bytes that were there before are no speed; what breaks off is sent
// again and does not make it negative.
func TestSpeed(t *testing.T) {
	now := time.Unix(1000, 0)
	tr := newTracker([]*item{{name: "f", size: 100 * mib}})
	tr.now = func() time.Time { return now }
	step := func(event transfer.Event, bytes int64) *transferring {
		tr.update(transfer.Progress{Name: "f", Event: event, Bytes: bytes, Total: 100 * mib})
		now = now.Add(time.Second)
		tr.tick()
		return tr.find("f")
	}
	if f := step(transfer.Resumed, 60*mib); f.speed.perSecond() != 0 || tr.bytes != 60*mib {
		t.Errorf("%d/s, %d", f.speed.perSecond(), tr.bytes)
	}
	if f := step(transfer.Sent, 61*mib); f.speed.perSecond() != mib {
		t.Errorf("%d/s", f.speed.perSecond())
	}
	if f := step(transfer.Retrying, 50*mib); f.speed.perSecond() != 0 {
		t.Errorf("%d/s", f.speed.perSecond())
	}
	for i := range int64(30) {
		step(transfer.Sent, (50+i)*mib)
	}
	if s := tr.speed.perSecond(); s != mib {
		t.Errorf("%d/s: the last seconds count", s)
	}
	if d, ok := tr.speed.left(21 * mib); !ok || d != 21*time.Second {
		t.Errorf("%v left, %v", d, ok)
	}
}

// TestTotals: files that fail or end take their sizes with them.
func TestTotals(t *testing.T) {
	tr := half(t)
	tr.update(transfer.Progress{Name: "big.jsonl", Event: transfer.Done, Bytes: 100 * mib, Total: 100 * mib})
	tr.end("later") // failed, before it began
	if tr.bytes != 125*mib || tr.size != 150*mib || tr.ended != 2 {
		t.Errorf("%d of %d bytes, %d ended", tr.bytes/mib, tr.size/mib, tr.ended)
	}
	tr.end("a rather long name of a paper, second edition.pdf") // failed, half sent
	if tr.bytes != tr.size || tr.ended != 3 || len(tr.active) != 0 {
		t.Errorf("%d of %d bytes, %d ended", tr.bytes/mib, tr.size/mib, tr.ended)
	}
	if f := tr.take("big.jsonl"); f.doneLine(100*mib, 0) != "big.jsonl  100 MiB in 25s, 4.0 MiB/s" ||
		f.doneLine(100*mib, 30) != "big.jsonl  100 MiB in 25s" {
		t.Errorf("%q", f.doneLine(100*mib, 0))
	}
	if tr.ended != 3 {
		t.Errorf("%d ended", tr.ended)
	}
}

// TestLine: what is said where there is no terminal.
func TestLine(t *testing.T) {
	tr := half(t)
	if got, want := tr.line(), "0 of 3 files: 31%, 50 MiB of 160 MiB, 2.0 MiB/s, 55s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	tr = newTracker([]*item{{name: "f", size: mib}})
	tr.update(transfer.Progress{Name: "f", Event: transfer.Started, Total: mib})
	if got, want := tr.line(), "f: 0%, 0 B of 1.0 MiB"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
