package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracee is a program that runs under ptrace(2).
type tracee struct {
	pid     int
	threads map[int]bool // that have been seen
}

// call is a system call that a thread is about to make.
type call struct {
	thread int
	nr     uint64
	args   [6]uint64
}

func start(program []string) (*tracee, error) {
	pid, err := syscall.ForkExec(program[0], program, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program[0], err)
	}
	t := &tracee{pid: pid, threads: map[int]bool{pid: true}}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return nil, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return nil, err
	}
	return t, unix.PtraceSyscall(pid, 0)
}

// run lets the program run to its end, and calls before in front of each of its
// system calls.
func (t *tracee) run(before func(call) error) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || thread == t.pid && (status.Exited() || status.Signaled()) {
			return status, err
		}
		if !status.Stopped() {
			continue // another thread ended
		}
		if err := t.stopped(thread, status, before); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile
			return status, err
		}
	}
}

// inCall marks the stops at system calls, as PTRACE_O_TRACESYSGOOD asks.
const inCall = unix.SIGTRAP | 0x80

// stopped looks at a thread that stopped, and lets it go on.
func (t *tracee) stopped(thread int, status unix.WaitStatus, before func(call) error) error {
	signal := status.StopSignal()
	switch {
	case signal == inCall:
		signal = 0
		c, entering, err := callOf(thread)
		if err == nil && entering {
			err = before(c)
		}
		if err != nil {
			return err
		}
	case status.TrapCause() > 0: // it makes a thread
		signal = 0
	case signal == unix.SIGSTOP && !t.threads[thread]: // a new thread begins with it
		signal = 0
		t.threads[thread] = true
	}
	return unix.PtraceSyscall(thread, int(signal))
}

// callOf asks for the call at which a thread stopped, and whether it is about to
// make it.
func callOf(thread int) (c call, entering bool, err error) {
	var info struct { // struct ptrace_syscall_info, as it is for an entry
		op     uint8
		_      [3]uint8
		arch   uint32
		ip, sp uint64
		nr     uint64
		args   [6]uint64
	}
	const entry = 1
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return c, false, errno
	}
	return call{thread, info.nr, info.args}, info.op == entry, nil
}
