package crash

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

// Killed in front of any system call of its life, from its first start to its
// end, the server has all that it acknowledged, and goes on. What it changes
// through mapped memory alone is not seen here: that is SQLite's index of its
// log, which is made anew after a crash.
func TestCalls(t *testing.T) {
	t.Parallel()
	killat := filepath.Join(t.TempDir(), "killat")
	if out, err := exec.Command("go", "build", "-o", killat, "uploadd/test/killat").CombinedOutput(); err != nil {
		t.Fatalf("killat, which traces system calls on Linux on amd64 only: %v\n%s", err, out)
	}
	t.Run("first start", func(t *testing.T) {
		t.Parallel()
		l := life{killat: killat, before: &ledger.Ledger{}}
		l.breakEverywhere(t, "mkdirat", "open", "openat", "pwrite64", "write", "fsync", "unlink")
	})
	t.Run("start after a crash", func(t *testing.T) {
		t.Parallel()
		l := crashed(t)
		l.killat = killat
		l.breakEverywhere(t, "openat", "pwrite64", "write", "fsync", "unlinkat")
	})
}

// life is a server's, from a state of its data to its end.
type life struct {
	killat string
	data   string         // a copy of it is taken; "" for none
	before *ledger.Ledger // what is in data
}

// crashed leaves data behind as a kill does: with a log to be read back, a Part
// half sent, and with blobs in the bin that are due when it is started again.
func crashed(t *testing.T) life {
	l := life{data: t.TempDir(), before: &ledger.Ledger{}}
	s := program.Start(t, program.Options{Data: l.data})
	if !l.before.Script(t.Context(), s) {
		t.Fatal("the script did not come to its end")
	}
	u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "half", Purpose: "user_data", Bytes: 1 << 20, MimeType: "text/plain"}))(t)
	stored := program.Stored(t, l.data)
	begun := func(blob string) bool { return !slices.Contains(stored, blob) }
	feed, rest := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := s.AddPart(t.Context(), u.ID, feed)
		ended <- err
	}()
	rest.Write(make([]byte, 100<<10))
	for end := time.Now().Add(time.Minute); !slices.ContainsFunc(program.Stored(t, l.data), begun); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is stored of half a part")
		}
	}
	s.Kill()
	rest.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-ended; err == nil {
		t.Error("half a part was acknowledged")
	}
	time.Sleep(11 * time.Second) // until the bytes of what is deleted may go
	return l
}

// breakEverywhere breaks the life off in front of every n-th call, until one
// comes to its end. The kinds of calls are those it must have seen.
func (l life) breakEverywhere(t *testing.T, kinds ...string) {
	broken := map[string]int{}
	for k := 1 + rand.IntN(*every); ; k += *every {
		calls, whole := l.lead(t, k)
		if t.Failed() {
			t.Fatalf("this was the kill in front of call %d, %s", k, calls[len(calls)-1])
		}
		if whole {
			for _, kind := range kinds {
				if !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, kind+" ") }) {
					t.Errorf("no call of %s was seen", kind)
				}
			}
			t.Logf("%d calls in a whole life; killed in front of %s", len(calls), count(broken))
			return
		}
		kind, _, _ := strings.Cut(calls[len(calls)-1], " ")
		broken[kind]++
	}
}

func count(kinds map[string]int) string {
	var b strings.Builder
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		total += kinds[kind]
		fmt.Fprintf(&b, ", %d %s", kinds[kind], kind)
	}
	return strconv.Itoa(total) + " of them" + b.String()
}

// lead leads the life until it is killed in front of its k-th call, or whole,
// and then holds the server to it, which must go on as if nothing had been. It
// returns the calls, of which the last did not happen unless the life was whole.
func (l life) lead(t *testing.T, k int) (calls []string, whole bool) {
	dir := t.TempDir()
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "calls")
	if l.data != "" {
		if err := os.CopyFS(data, os.DirFS(l.data)); err != nil {
			t.Fatal(err)
		}
	}
	known := l.before.Clone()
	killed := func() bool { calls = lines(t, log); return len(calls) >= k }
	s, err := program.TryStart(t, program.Options{Data: data, Under: []string{l.killat, strconv.Itoa(k), log}})
	if err == nil {
		whole = l.cleaned(t, data, killed) && known.Script(t.Context(), s)
		err = s.Stop()
	}
	if killed() {
		whole = false
	} else if !whole || err != nil {
		t.Fatalf("it was not killed, and did not come to its end: %v", err)
	}
	s = program.Start(t, program.Options{Data: data})
	defer s.Kill()
	hold(t, s, known, true)
	if !known.Script(t.Context(), s) {
		t.Error("a second life did not come to its end")
	}
	hold(t, s, known, true)
	return calls, whole
}

// cleaned waits until the janitor has deleted what was due at the start, and
// reports whether that came about.
func (l life) cleaned(t *testing.T, data string, killed func() bool) bool {
	for end := time.Now().Add(time.Minute); len(program.Stored(t, data)) > l.before.Blobs(); time.Sleep(time.Millisecond) {
		if killed() {
			return false
		}
		if time.Now().After(end) {
			t.Fatalf("of the blobs, %d are to stay, and these are left: %v", l.before.Blobs(), program.Stored(t, data))
		}
	}
	return true
}

func lines(t *testing.T, path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")[:bytes.Count(b, []byte("\n"))]
}
