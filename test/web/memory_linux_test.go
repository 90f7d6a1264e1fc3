package web

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watchMemory looks at the processes below pid until the returned function is called,
// which says how much memory the largest of them took, in bytes, and for what.
func watchMemory(t *testing.T, pid int) (stop func() (peak int64, process string)) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	var most int64
	var which string
	wg.Go(func() {
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				for _, p := range below(pid) {
					if p.private > most {
						most, which = p.private, p.command
					}
				}
			}
		}
	})
	return func() (int64, string) {
		close(done)
		wg.Wait()
		return most, which
	}
}

type process struct {
	parent  int
	private int64 // bytes of memory that no file holds
	command string
}

// below lists the processes that pid started, and those that they did. One that ends
// meanwhile is left out.
func below(pid int) []process {
	all := map[int]process{}
	paths, _ := filepath.Glob("/proc/[0-9]*/status") // the pattern is right
	for _, path := range paths {
		status, err := os.ReadFile(path)
		command, cerr := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		id, perr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || cerr != nil || perr != nil {
			continue
		}
		p := process{command: string(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))}
		for line := range strings.Lines(string(status)) {
			name, value, _ := strings.Cut(line, ":")
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // the lines below are numbers
			switch name {
			case "PPid":
				p.parent = int(n)
			case "RssAnon", "RssShmem":
				p.private += n << 10
			}
		}
		all[id] = p
	}
	var found []process
	for _, p := range all {
		for up := p.parent; up > 1; up = all[up].parent {
			if up == pid {
				found = append(found, p)
				break
			}
		}
	}
	return found
}
