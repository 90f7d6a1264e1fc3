package measure

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Flushes is how often in a second one writer can put 4 KiB at the end of a file in dir
// and flush it: what a disk is able to promise.
func Flushes(dir string, period time.Duration) (rate float64, err error) {
	f, err := os.Create(filepath.Join(dir, "flushes"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4<<10)
	n, began := 0, time.Now()
	for ; time.Since(began) < period; n++ {
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// Sync writes back all of the file system that dir is on.
func Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
