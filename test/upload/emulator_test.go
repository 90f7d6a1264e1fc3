package upload

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// emulator is a terminal: what is on it after a program has written to it. It
// knows what upload uses, and notes what it does not know.
type emulator struct {
	w, h     int
	lines    [][]rune // those that have scrolled away, too
	row, col int      // of the cursor, in lines
	rest     string   // of a sequence that has not all arrived
	wrapped  []string // lines that were too long
	unknown  []string
}

func newEmulator(w, h int) *emulator { return &emulator{w: w, h: h, lines: [][]rune{nil}} }

var control = regexp.MustCompile(`^\x1b\[(\d*)([A-Za-z])`)

func (e *emulator) write(text string) {
	for text = e.rest + text; text != ""; {
		switch r, n := utf8.DecodeRuneInString(text); {
		case r == '\x1b':
			m := control.FindStringSubmatch(text)
			if m == nil {
				e.rest = text
				return
			}
			e.control(m[1], m[2])
			text = text[len(m[0]):]
		case r == utf8.RuneError && n == 1 && len(text) < utf8.UTFMax:
			e.rest = text
			return
		default:
			e.put(r)
			text = text[n:]
		}
	}
	e.rest = ""
}

func (e *emulator) control(number, letter string) {
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 1
	}
	switch letter {
	case "A":
		e.row = max(e.row-n, e.top())
	case "K":
		e.cut()
	case "J":
		e.cut()
		e.lines = e.lines[:e.row+1]
	default:
		e.unknown = append(e.unknown, number+letter)
	}
}

// top is the first line that has not scrolled away.
func (e *emulator) top() int { return max(len(e.lines)-e.h, 0) }

func (e *emulator) cut() { e.lines[e.row] = e.lines[e.row][:min(e.col, len(e.lines[e.row]))] }

func (e *emulator) put(r rune) {
	switch r {
	case '\r':
		e.col = 0
		return
	case '\n':
		e.down()
		return
	}
	if e.col == e.w {
		e.wrapped = append(e.wrapped, string(e.lines[e.row]))
		e.col = 0
		e.down()
	}
	line := e.lines[e.row]
	for len(line) <= e.col {
		line = append(line, ' ')
	}
	line[e.col] = r
	e.lines[e.row] = line
	e.col++
}

func (e *emulator) down() {
	if e.row++; e.row == len(e.lines) {
		e.lines = append(e.lines, nil)
	}
}

// resize makes it narrower or wider, and wraps what is too long, as most
// terminals do.
func (e *emulator) resize(w int) {
	var lines [][]rune
	for i, line := range e.lines {
		if i == e.row {
			e.row = len(lines)
			lines = append(lines, line)
			continue
		}
		for len(line) > w {
			lines, line = append(lines, line[:w:w]), line[w:]
		}
		lines = append(lines, line)
	}
	e.w, e.lines = w, lines
}

// String is all that was shown, without blanks at the ends.
func (e *emulator) String() string {
	var b strings.Builder
	for _, line := range e.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// fault says what a calm program does not do. What is wrong it may say in full.
func (e *emulator) fault() error {
	wrapped := slices.DeleteFunc(e.wrapped, func(line string) bool { return strings.HasPrefix(line, "upload: ") })
	if len(wrapped) > 0 || len(e.unknown) > 0 {
		return fmt.Errorf("wrapped %q, unknown sequences %q", wrapped, slices.Compact(e.unknown))
	}
	return nil
}
