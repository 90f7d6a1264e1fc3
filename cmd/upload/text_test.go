package main

import (
	"strings"
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"big.jsonl", 9, "big.jsonl"},
		{"big.jsonl", 8, "big…sonl"},
		{"big.jsonl", 1, "…"},
		{"big.jsonl", 0, ""},
		{"", 3, ""},
		{"日本語.txt", 10, "日本語.txt"},
		{"日本語.txt", 8, "日本…txt"},
		{"日本語.txt", 7, "日本…xt"},
		{"ä́x", 2, "ä́x"}, // with a combining accent
	} {
		got := fit(c.s, c.n)
		if columns(got) > c.n || got != c.want {
			t.Errorf("fit(%q, %d) = %q, %d columns; want %q", c.s, c.n, got, columns(got), c.want)
		}
		if p := pad(c.s, c.n); columns(p) != c.n {
			t.Errorf("pad(%q, %d) = %q", c.s, c.n, p)
		}
	}
}

// TestFitNeverTooWide walks through all widths of names of all kinds.
func TestFitNeverTooWide(t *testing.T) {
	for _, s := range []string{"a", "ab", "abc.def", "日", "日本", "a日b本c", "é́é", "👩‍🚀.png", strings.Repeat("long", 50)} {
		for n := range 2 * columns(s) {
			if got := fit(s, n); columns(got) > n || n > 0 && got == "" {
				t.Errorf("fit(%q, %d) = %q", s, n, got)
			}
		}
	}
}

// TestShown: no name moves the cursor, rings, or turns the writing round.
func TestShown(t *testing.T) {
	for _, s := range []string{"\x1b[2J", "a\nb", "a\rb", "\a", "txt.\u202egpj", "\u2028", "a\xffb", "\u200b", "\x7f", "\u009b2J"} {
		got := shown(s)
		if got == s || strings.ContainsAny(got, "\x1b\n\r\a\x7f\u202e\u2028\u200b\u009b") {
			t.Errorf("shown(%q) = %q", s, got)
		}
	}
	for _, s := range []string{"", "a b", "日本語", "é", `"quoted"`, "👍"} {
		if got := shown(s); got != s {
			t.Errorf("shown(%q) = %q", s, got)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "24h": 24 * time.Hour, "30d": 720 * time.Hour, "1.5d": 36 * time.Hour, "1h30m": 90 * time.Minute,
	} {
		if got, err := parseSpan(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "0d", "0s", "1e300d", "NaNd", "Infd", "1w", "1 d"} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59*time.Second + 400*time.Millisecond: "59s", 59*time.Second + 600*time.Millisecond: "1m00s",
		61 * time.Second: "1m01s", time.Hour: "1h00m", 25*time.Hour + 5*time.Minute: "25h05m",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	now := time.Now()
	for d, want := range map[time.Duration]string{-time.Hour: "0s", time.Minute: "1m", 47 * time.Hour: "47h", 48 * time.Hour: "2d"} {
		if got := age(now.Add(-d), now); got != want {
			t.Errorf("age %v: %s, want %s", d, got, want)
		}
	}
}
