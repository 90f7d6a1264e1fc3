package durability_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// call is a system call of a trace. Calls of several threads overlap: begun and
// ended are the lines of the trace where it was entered and where it returned.
type call struct {
	name, text   string
	begun, ended int
}

var (
	wal   = regexp.MustCompile(`uploadd\.db-wal>`)
	blob  = regexp.MustCompile(`part_[0-9a-f]{32}[">]`)
	shelf = regexp.MustCompile(`/blobs/[0-9a-f]{2}>`) // a directory of blobs
)

func (c call) of(what *regexp.Regexp) bool { return what.MatchString(c.text) }

func (c call) writes(what *regexp.Regexp) bool {
	return (c.name == "write" || c.name == "pwrite64") && c.of(what)
}

func (c call) flushes(what *regexp.Regexp) bool {
	return (c.name == "fsync" || c.name == "fdatasync") && c.of(what) && strings.HasSuffix(c.text, "= 0")
}

// answers says whether the call sends the beginning of an answer.
func (c call) answers(status string) bool {
	return c.name == "write" && strings.Contains(c.text, `"`+status)
}

var line = regexp.MustCompile(`^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$`)

// readTrace returns the calls in the order they were entered. Those that have
// not returned yet never end.
func readTrace(t *testing.T, path string) (calls []call) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const never = 1 << 60
	entered := map[string]int{} // the call that a thread is in
	for n, l := range strings.Split(string(text), "\n") {
		m := line.FindStringSubmatch(l)
		switch {
		case m == nil: // the end of a thread, or a line that is still being written
		case m[2] != "":
			if i, ok := entered[m[1]]; ok {
				calls[i].ended = n
				calls[i].text += m[4]
				delete(entered, m[1])
			}
		case strings.HasSuffix(l, "<unfinished ...>"):
			entered[m[1]] = len(calls)
			calls = append(calls, call{m[3], strings.TrimSuffix(m[4], "<unfinished ...>"), n, never})
		default:
			calls = append(calls, call{m[3], m[4], n, n})
		}
	}
	return calls
}

func first(calls []call, is func(call) bool) int {
	for i, c := range calls {
		if is(c) {
			return i
		}
	}
	return -1
}

func last(calls []call, is func(call) bool) int {
	for i := len(calls) - 1; i >= 0; i-- {
		if is(calls[i]) {
			return i
		}
	}
	return -1
}

// flush returns the first flush of what, nil if there is none.
func flush(calls []call, what *regexp.Regexp) *call {
	if i := first(calls, func(c call) bool { return c.flushes(what) }); i >= 0 {
		return &calls[i]
	}
	return nil
}

// flushed says whether a flush of what had ended by the line before.
func flushed(calls []call, what *regexp.Regexp, before int) bool {
	f := flush(calls, what)
	return f != nil && f.ended < before
}
