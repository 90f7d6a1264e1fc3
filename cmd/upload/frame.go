package main

import (
	"fmt"
	"strings"
	"time"

	"uploadd/client/transfer"
)

// frame is what the bars look like, on a terminal of w columns and h rows: no
// line is as wide as w, and there are fewer of them than rows.
func (t *tracker) frame(w, h int) (lines []string) {
	room := min(maxLines, h-1) // the cursor is on a line of its own
	total := t.files > 1 && room > 0
	if total {
		room--
	}
	bars := len(t.active)
	if bars > room {
		bars = max(room-1, 0)
	}
	for _, f := range t.active[:bars] {
		lines = append(lines, f.row(t.now(), w))
	}
	if more := len(t.active) - bars; more > 0 && room > 0 {
		lines = append(lines, fit(fmt.Sprintf("... and %d more", more), w-1))
	}
	if total {
		lines = append(lines, row(t.title(), t.bytes, t.size, t.speed.perSecond(), t.left(), w))
	}
	return lines
}

// title is the name of the line for all files.
func (t *tracker) title() string { return fmt.Sprintf("%d of %d files", t.ended, t.files) }

func (t *tracker) left() string { return leftText(t.speed.left(t.size - t.bytes)) }

func (f *transferring) row(now time.Time, w int) string {
	switch {
	case f.event == transfer.Retrying:
		return fit(fmt.Sprintf("%s  %s  %s", fit(shown(f.name), max(w/3, 8)), percent(f.bytes, f.total), f.waiting(now)), w-1)
	case f.event == transfer.Completing:
		return row(shown(f.name), f.bytes, f.total, f.speed.perSecond(), "checks", w)
	}
	return row(shown(f.name), f.bytes, f.total, f.speed.perSecond(), leftText(f.speed.left(f.total-f.bytes)), w)
}

// waiting says why nothing goes on, and when it will.
func (f *transferring) waiting(now time.Time) string {
	return fmt.Sprintf("again in %s: %s", clock(max(f.until.Sub(now), 0)), message(f.err))
}

func leftText(d time.Duration, known bool) string {
	if !known {
		return ""
	}
	return clock(d)
}

// Widths of what stands beside a name.
const (
	widePercent = 4
	wideLeft    = 6
	wideSpeed   = 10
	wideAmount  = 19
	leastName   = 12
	wideName    = 28
	leastBar    = 8
	mostBar     = 40
	gap         = 2
)

// maxLines is how many lines are drawn at most.
const maxLines = 10

// row is a name, a bar, and as many of the figures as there is room for. Each
// figure has its place, so that nothing moves but what changes.
func row(name string, bytes, total, speed int64, left string, w int) string {
	room := max(w-1, 0)
	figures := fmt.Sprintf("%*s", widePercent, percent(bytes, total))
	add := func(text string, wide int) {
		if len(figures)+gap+wide+gap+leastName <= room {
			figures += fmt.Sprintf("%*s%*s", gap, "", wide, text)
		}
	}
	perSecond := ""
	if speed > 0 {
		perSecond = bytesText(speed) + "/s"
	}
	add(left, wideLeft)
	add(perSecond, wideSpeed)
	add(bytesText(bytes)+" / "+bytesText(total), wideAmount)
	room -= len(figures) + gap
	if room < 1 {
		return fit(strings.TrimSpace(figures), w-1)
	}
	bar := room - wideName - gap
	if bar < leastBar {
		bar = room - leastName - gap
	}
	if bar < leastBar {
		return pad(name, room) + "  " + figures
	}
	bar = min(bar, mostBar)
	return pad(name, room-bar-gap) + "  " + drawBar(bytes, total, bar) + "  " + figures
}

func percent(bytes, total int64) string {
	if total <= 0 {
		return "-"
	}
	return fmt.Sprintf("%d%%", int(min(max(float64(bytes)/float64(total), 0), 1)*100))
}

// drawBar is a bar of n columns.
func drawBar(bytes, total int64, n int) string {
	inner, full := n-2, 0
	if total > 0 {
		full = int(min(max(float64(bytes)/float64(total), 0), 1) * float64(inner))
	}
	head := ""
	if full > 0 && full < inner {
		full, head = full-1, ">"
	}
	return "[" + strings.Repeat("=", full) + head + strings.Repeat(" ", inner-full-len(head)) + "]"
}

// doneLine tells of a file that is there, in w columns; 0 is as many as it takes.
func (f *transferring) doneLine(size int64, w int) string {
	d := f.ended.Sub(f.began)
	text := fmt.Sprintf("  %s in %s", bytesText(size), seconds(d))
	if had := size - f.moved; had > 0 && f.moved >= 0 && f.total == size {
		text += fmt.Sprintf(", of which %s were there", bytesText(had))
	}
	name, speed := shown(f.name), ""
	if d >= 100*time.Millisecond && f.moved >= 1<<20 {
		speed = fmt.Sprintf(", %s/s", bytesText(int64(float64(f.moved)/d.Seconds())))
	}
	if w == 0 || columns(name+text+speed) < w {
		return name + text + speed
	}
	return fit(name, max(w-1-columns(text), leastName)) + text
}

// seconds is clock, and more precise where it is short.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return clock(d)
}
