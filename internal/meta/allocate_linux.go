package meta

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives f n bytes of real blocks.
func allocate(f *os.File, n int64) error {
	if n == 0 {
		return nil
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, n)
	for errors.Is(err, unix.EINTR) { // by a signal of Go's scheduler
		err = unix.Fallocate(int(f.Fd()), 0, 0, n)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return zeros(f, n)
	}
	return err
}
