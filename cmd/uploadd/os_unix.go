//go:build unix

package main

import (
	"os"
	"syscall"
)

// Kinds of locks.
const (
	shared    = syscall.LOCK_SH
	exclusive = syscall.LOCK_EX
	atOnce    = syscall.LOCK_NB // or syscall.EWOULDBLOCK, rather than wait
)

// flock locks f until it is closed, if only by the end of the process.
func flock(f *os.File, kind int) error { return syscall.Flock(int(f.Fd()), kind) }

// hideNewFiles lets nobody but their owner read files that this process makes.
func hideNewFiles() { syscall.Umask(0o077) }

// refusePlatform says why stores cannot be opened on this system; nil if they can.
func refusePlatform() error { return nil }
