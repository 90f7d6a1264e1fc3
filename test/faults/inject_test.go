package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

var calls = flag.Int("calls", 2, "how many calls of each kind fail, one in a life each: the first, the second, and so on until none is left")

// fault is a system call that fails, on the paths that on lists; on all if it is
// nil. strace counts the calls of each thread by itself.
type fault struct {
	calls  string
	errors []string
	on     func(t testing.TB, data string) []string
	halts  bool // afterwards the server may refuse writes until it is started again
}

var faults = map[string]fault{
	"write of a blob":      {"write", []string{"ENOSPC", "EDQUOT", "EIO", "EROFS"}, blobs, false},
	"flush of a blob":      {"fsync", []string{"EIO", "ENOSPC", "EDQUOT"}, blobs, false},
	"flush of a directory": {"fsync", []string{"EIO"}, directories, false},
	"opening":              {"openat", []string{"EMFILE", "ENFILE", "ENOSPC", "EROFS", "EIO"}, nil, false},
	"asking for the space": {"fstatfs", []string{"EIO"}, nil, false},
	"write of the log":     {"pwrite64", []string{"ENOSPC", "EDQUOT", "EIO", "EROFS"}, log, false},
	"flush of the log":     {"fsync", []string{"EIO", "ENOSPC", "EDQUOT"}, log, true},
	"read of the database": {"pread64", []string{"EIO"}, nil, false},
}

func log(_ testing.TB, data string) []string { return []string{filepath.Join(data, "uploadd.db-wal")} }

// blobs are where the server will keep the next blobs: their keys are reserved.
func blobs(t testing.TB, data string) (paths []string) {
	t.Helper()
	m := uploadstest.Must(meta.OpenSQLiteReadOnly(filepath.Join(data, "uploadd.db")))(t)
	defer m.Close()
	for _, e := range uploadstest.Must(m.Bin(t.Context(), "", 1000))(t) {
		paths = append(paths, filepath.Join(data, "blobs", e.Key[len(e.Key)-2:], e.Key))
	}
	return paths
}

func directories(_ testing.TB, data string) (paths []string) {
	for i := range 256 {
		paths = append(paths, filepath.Join(data, "blobs", fmt.Sprintf("%02x", i)))
	}
	return paths
}

// inject makes the k-th of the calls of each thread fail until stop is called,
// which returns what strace saw.
func (f fault) inject(t testing.TB, s *program.Server, errno string, k int) (stop func() string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-y", "-e", "signal=none", "-e", "trace=" + f.calls, "-o", out, "-p", strconv.Itoa(s.PID),
		"-e", "inject=" + f.calls + ":error=" + errno + ":when=" + strconv.Itoa(k)}
	if f.on != nil {
		for _, path := range f.on(t, s.Data) {
			args = append(args, "-P", path)
		}
	}
	cmd := exec.Command("strace", args...)
	messages := uploadstest.Must(cmd.StderrPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs strace: %v", err)
	}
	attached := regexp.MustCompile(`attached`)
	var said strings.Builder
	for buf := make([]byte, 4096); !attached.MatchString(said.String()); {
		n, err := messages.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("strace did not attach: %v\n%s", err, said.String())
		}
	}
	go io.Copy(io.Discard, messages)
	return func() string {
		cmd.Process.Signal(syscall.SIGINT) // it lets go of the server
		cmd.Wait()
		return string(uploadstest.Must(os.ReadFile(out))(t))
	}
}

// Whatever call fails, once: every answer is one of the contract, what was
// acknowledged stands, and the server goes on by itself.
func TestOneCallFails(t *testing.T) {
	t.Parallel()
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := uploadstest.Must(os.MkdirTemp("/dev/shm", "uploadd-faults"))(t)
			t.Cleanup(func() { os.RemoveAll(memory) })
			o := program.Options{Data: memory}
			s, l := program.Start(t, o), &ledger.Ledger{}
			load(t, l, s, 10, 0)
			seen, injected, halted := map[int]int{}, 0, false
			for _, errno := range f.errors {
				for k := 1; k <= *calls; k++ {
					trace := f.live(t, s, l, errno, k, seen)
					n := strings.Count(trace, "(INJECTED)")
					injected += n
					once(t, trace)
					pid := s.PID
					if s = f.goesOn(t, s, o); t.Failed() {
						t.Fatalf("after %s at call %d of each thread", errno, k)
					}
					halted = halted || s.PID != pid
					verify(t, l, s)
					if n == 0 {
						break
					}
				}
			}
			if injected == 0 {
				t.Error("nothing failed")
			}
			if f.halts && !halted {
				t.Error("a flush of the log failed, and the server went on writing")
			}
			t.Logf("%d calls failed; the answers were %v", injected, seen)
			// A blob whose record failed, and whose discarding failed too, waits for
			// the end of its lease, or the next start.
			s.Kill()
			s = program.Start(t, o)
			verify(t, l, s)
			emptied(t, l, s)
			program.Check(t, s.Data)
		})
	}
}

// live leads a life, with reads, while calls fail.
func (f fault) live(t *testing.T, s *program.Server, l *ledger.Ledger, errno string, k int, seen map[int]int) (trace string) {
	t.Helper()
	stop := f.inject(t, s, errno, k)
	for status, n := range load(t, l, s, 25, uint64(k)) {
		seen[status] += n
	}
	a := &strict{API: s, t: t}
	if files, err := a.ListFiles(t.Context(), api.ListQuery{Limit: 3}); err == nil {
		for _, file := range files.Data {
			if c, err := a.OpenFile(t.Context(), file.ID); err == nil {
				io.Copy(io.Discard, c) // it may break off
				c.Close()
			}
		}
	}
	for status, n := range a.seen {
		seen[status] += n
	}
	return stop()
}

// goesOn holds the server to taking uploads once nothing fails any more, by
// itself if it may not have halted.
func (f fault) goesOn(t *testing.T, s *program.Server, o program.Options) *program.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := usable(ctx, s)
	for n := 0; err != nil && !f.halts && n < 20; n++ {
		time.Sleep(100 * time.Millisecond)
		err = usable(ctx, s)
	}
	if err == nil {
		return s
	}
	if !f.halts || !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("nothing fails any more, and still: %v", err)
		return s
	}
	if _, err := s.ListFiles(ctx, api.ListQuery{}); err != nil {
		t.Errorf("reads do not go on: %v", err)
	}
	s.Kill()
	s = program.Start(t, o)
	if err := usable(ctx, s); err != nil {
		t.Errorf("started again: %v", err)
	}
	return s
}

var flushed = regexp.MustCompile(`fsync\(\d+<(.*/part_[^>]*)>`)

// once holds the server to flushing no blob a second time: after a failure the
// kernel would say that all is well.
func once(t *testing.T, trace string) {
	t.Helper()
	count := map[string]int{}
	for _, m := range flushed.FindAllStringSubmatch(trace, -1) {
		if count[m[1]]++; count[m[1]] == 2 {
			t.Errorf("%s was flushed twice", m[1])
		}
	}
}
