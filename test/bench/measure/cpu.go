// Package measure looks at other processes, and at the disk, from outside.
package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time, of user and system together, that a process has had, and
// those that it started and that still run. Linux counts it to the nanosecond.
func CPU(pid int) (time.Duration, error) {
	var sum time.Duration
	pids, err := family(pid)
	if err != nil {
		return 0, err
	}
	for _, p := range pids {
		var ts unix.Timespec
		// The clock of a whole process, as clock_getcpuclockid(3) makes its number.
		const ofProcess = 2
		if err := unix.ClockGettime(int32(^p<<3|ofProcess), &ts); err != nil {
			return 0, fmt.Errorf("the processor time of process %d: %w", p, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// family is a process and all below it.
func family(pid int) ([]int, error) {
	all := []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(lists) == 0 {
		return nil, fmt.Errorf("process %d is not there (%v)", pid, err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended meanwhile
		}
		for _, child := range strings.Fields(string(text)) {
			p, err := strconv.Atoi(child)
			if err != nil {
				return nil, err
			}
			below, err := family(p)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		}
	}
	return all, nil
}

// Own is the processor time of this process.
func Own() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// Machine is the time that the machine's processors were not idle: all processes, and
// what the kernel does in nobody's name, such as writing back the page cache. It is
// counted in steps of 10 ms.
func Machine() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	// cpu user nice system idle iowait irq softirq; what is stolen others had.
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
