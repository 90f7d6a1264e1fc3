// Package start holds the program to a start that takes no longer for more files.
package start

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
	"uploadd/test/records"
)

var files = flag.Int("files", 10_000, "how many files the full data directory holds")

func TestMain(m *testing.M) { program.Main(m) }

// fill makes a data directory with the records of n files, and as many keys in
// the bin that wait for the janitor: as a process leaves it that was stopped, and
// as one that was killed, whose log is not merged into the database.
func fill(t *testing.T, n int) (stopped, killed string) {
	stopped, killed = t.TempDir(), t.TempDir()
	m := records.Fill(t, stopped, n, nil)
	due := make([]string, n)
	for i := range due {
		due[i] = fmt.Sprintf("part_%032x", n+i)
	}
	for keys := range slices.Chunk(due, 1000) {
		if err := m.Reserve(t.Context(), keys, 1); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-a", stopped+"/.", killed).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return stopped, killed
}

// calls counts what a start reads and lists, until it says that it listens.
func calls(t *testing.T, dir string) int {
	trace := filepath.Join(t.TempDir(), "trace")
	began := time.Now()
	s := program.Start(t, program.Options{Data: dir, Under: []string{
		"strace", "-f", "-qq", "-o", trace, "-e", "signal=none", "-e", "trace=read,pread64,getdents64,openat,newfstatat,write"}})
	took := time.Since(began)
	s.Kill()
	lines := bytes.Split(uploadstest.Must(os.ReadFile(trace))(t), []byte("\n"))
	for i, line := range lines {
		if bytes.Contains(line, []byte("uploadd listens")) {
			t.Logf("%d calls, %s under strace", i, took.Round(time.Millisecond))
			return i
		}
	}
	t.Fatalf("the trace of %d calls does not show the start", len(lines))
	return 0
}

// A start after a crash does the same work whatever is stored. (Work is counted
// and not time, which depends on what else the machine does.)
func TestStartDoesNotGrow(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is missing: install it, or run `make tools`")
	}
	few, _ := fill(t, 10)
	many, killed := fill(t, *files)
	base := calls(t, few)
	// A tree of more records is deeper by a page or two.
	if n := calls(t, many); n > base+50 {
		t.Errorf("%d calls with 10 files, %d with %d", base, n, *files)
	}
	// The log of the last commits is read again; it is merged every 1000 pages.
	if n := calls(t, killed); n > base+2000 {
		t.Errorf("%d calls with 10 files, %d with %d after a kill", base, n, *files)
	}
}
