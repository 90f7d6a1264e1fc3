// Command killat runs a program and kills it with SIGKILL in front of the K-th
// system call by which it would change something that others can see: a file, a
// directory, or what it told its client.
//
//	killat K CALLS PROGRAM [ARGUMENT...]
//
// It writes the calls it counted to the file CALLS, one a line; if there are K
// of them, the last one did not happen. With K=0 it only counts. The calls of
// all threads are counted together, which `strace --inject` with when=K does not
// do: it counts for each thread, and Go moves its work between them.
//
// Calls are taken one behind the other as the kernel reports them. Two that
// threads make at the same time may come in either order, so that K names nearly,
// but not quite, the same call in each run.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: killat K CALLS PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	// A signal to stop is for the program. It must not be ignored here, because
	// the program would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, os.Interrupt)
	code, err := run(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "killat:", err)
		code = 2
	}
	os.Exit(code)
}

func run(k, calls string, program []string) (code int, err error) {
	last, err := strconv.Atoi(k)
	if err != nil {
		return 0, err
	}
	log, err := os.Create(calls)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	runtime.LockOSThread() // a program is traced by a thread, not by a process
	t, err := start(program)
	if err != nil {
		return 0, err
	}
	counted := 0
	status, err := t.run(func(c call) error {
		name := c.changes()
		if name == "" {
			return nil
		}
		counted++
		if _, err := fmt.Fprintln(log, name); err != nil {
			return err
		}
		if counted == last {
			return syscall.Kill(t.pid, syscall.SIGKILL)
		}
		return nil
	})
	if status.Signaled() {
		return 128 + int(status.Signal()), err
	}
	return status.ExitStatus(), err
}
