package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
	"uploadd/test/bench/peers"
)

// flushing are the calls that put what was written on the disk, and files opened so that
// each write does.
var flushing = regexp.MustCompile(`(fsync|fdatasync|syncfs)\(|O_D?SYNC`)

// What is said of each server, whether it flushes before it answers, is so.
func TestFlushes(t *testing.T) {
	list := append([]peers.Kind{peers.Uploadd(), peers.Nginx(), peers.Plain()}, kinds(peers.MinIO, peers.Tusd, peers.Versitygw)...)
	for _, kind := range list {
		dir, _ := tempDir(t)
		server := kind.Start(t, dir)
		object := server.Object(1, 8<<20)
		with(t, server, object.Begin)
		what := map[string]func(c *load.Conn) error{
			"a part of 8 MiB": func(c *load.Conn) error { return object.Part(c, 0, load.Data{Size: 8 << 20}) },
		}
		if server.Put != nil {
			what["a file of 4 KiB"] = func(c *load.Conn) error { return server.Put(c, 0, load.Data{Size: smallSize}) }
		}
		for name, do := range what {
			calls := traced(t, server, do)
			t.Logf("%s, %s: %q", kind.Name, name, calls)
			if (len(calls) > 0) != kind.Flushes {
				t.Errorf("%s, for %s: flushes before the answer: %v; it is said to be %v", kind.Name, name, len(calls) > 0, kind.Flushes)
			}
		}
		server.Stop()
	}
}

// traced returns the calls by which a server flushes while a thing is done.
func traced(t *testing.T, server *peers.Server, do func(c *load.Conn) error) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	command := []string{"-f", "-o", trace, "-e", "signal=none", "-e", "trace=fsync,fdatasync,syncfs,openat"}
	attached := 1
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", server.PID, server.PID))
	for _, pid := range append(strings.Fields(string(children)), fmt.Sprint(server.PID)) {
		command = append(command, "-p", pid)
		attached++
	}
	strace := exec.Command("strace", command...)
	said := uploadstest.Must(strace.StderrPipe())(t)
	if err := strace.Start(); err != nil {
		t.Fatalf("strace: %v: install it, or run `make tools`", err)
	}
	lines := bufio.NewScanner(said)
	for range attached - 1 { // "strace: Process 123 attached", for each of them
		if !lines.Scan() || !strings.Contains(lines.Text(), "attached") {
			t.Fatalf("strace says %q", lines.Text())
		}
	}
	go func() {
		for lines.Scan() { // threads that come later
		}
	}()
	with(t, server, do)
	strace.Process.Signal(syscall.SIGINT)
	strace.Wait() // it ends with the signal
	return flushing.FindAllString(string(uploadstest.Must(os.ReadFile(trace))(t)), -1)
}
