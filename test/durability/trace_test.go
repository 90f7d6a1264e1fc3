package durability

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// call is a system call that the server made. A call that was traced in two
// lines, because others came between, began with the first and ended with the
// second.
type call struct {
	name, args   string
	begun, ended int // lines of the trace
}

var (
	whole      = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	unfinished = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
)

// parse reads what strace -f -y wrote, in the order in which the calls ended.
// Calls that failed are left out.
func parse(t *testing.T, path string) []call {
	t.Helper()
	begun := map[string]call{} // by thread
	var calls []call
	for i, line := range strings.Split(string(uploadstest.Must(os.ReadFile(path))(t)), "\n") {
		if m := unfinished.FindStringSubmatch(line); m != nil {
			begun[m[1]] = call{name: m[2], args: m[3], begun: i}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			c := begun[m[1]]
			c.args += m[3]
			c.ended = i
			if delete(begun, m[1]); !strings.HasPrefix(m[4], "-") {
				calls = append(calls, c)
			}
		} else if m := whole.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[4], "-") {
			calls = append(calls, call{m[2], m[3], i, i})
		}
	}
	return calls
}

// is says whether c is a call of that name whose first file is one that pattern
// describes.
func (c call) is(name, pattern string) bool {
	return c.name == name && regexp.MustCompile(`^[^,]*`+pattern).MatchString(c.args)
}

// first is the index of the first call at or after from that is one of the
// name and pattern, -1 if there is none.
func first(calls []call, from int, name, pattern string) int {
	for i := from; i < len(calls); i++ {
		if calls[i].is(name, pattern) {
			return i
		}
	}
	return -1
}

// last is the index of the last such call.
func last(calls []call, name, pattern string) int {
	for i := len(calls) - 1; i >= 0; i-- {
		if calls[i].is(name, pattern) {
			return i
		}
	}
	return -1
}
