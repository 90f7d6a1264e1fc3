package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"golang.org/x/text/width"
)

// shown is foreign text as a terminal may see it: what would move the cursor,
// change colours or turn the writing round is escaped.
func shown(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return s
	}
	return strconv.Quote(s)
}

// message is an error on one line. Some of it may be a server's own words.
func message(err error) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, err.Error())
}

// columns is how wide s is on a terminal.
func columns(s string) (n int) {
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fit makes s at most n columns wide. What is cut out is in the middle: names
// differ at their ends.
func fit(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	runes := []rune(s)
	head, tail, left := 0, len(runes), n-1 // one for the ellipsis
	for {
		if w := runeColumns(runes[tail-1]); w <= left {
			tail, left = tail-1, left-w
		} else {
			break
		}
		if w := runeColumns(runes[head]); w <= left {
			head, left = head+1, left-w
		} else {
			break
		}
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// pad is fit, and as wide as n.
func pad(s string, n int) string {
	s = fit(s, n)
	return s + strings.Repeat(" ", n-columns(s))
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// age is how long ago something was, short enough for a column.
func age(created, now time.Time) string {
	d := now.Sub(created)
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

// clock is a duration as people read it beside a progress bar.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
