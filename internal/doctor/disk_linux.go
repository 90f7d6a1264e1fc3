package doctor

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const sector = 4096

// direct tries a write past the page cache.
func direct(path string) found {
	memory, err := unix.Mmap(-1, 0, sector, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fine("not tried: %v", err)
	}
	defer unix.Munmap(memory)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_DIRECT, 0o600)
	if err == nil {
		_, err = f.Write(memory)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fine("large Parts go through the page cache, which costs the processor more (%v)", err)
	}
	return fine("large Parts go past the page cache")
}

// allocate tries to take space without writing it, as the ballast of the records does.
func allocate(path string) found {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault(remedy(err), "%v", err)
	}
	defer f.Close()
	for err = unix.EINTR; errors.Is(err, unix.EINTR); { // by a signal of Go's scheduler
		err = unix.Fallocate(int(f.Fd()), 0, 0, 1<<20)
	}
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fine("space is taken by writing zeros")
	case err != nil:
		return fault(remedy(err), "taking a MiB fails: %v", err)
	}
	return fine("space can be taken beforehand")
}
