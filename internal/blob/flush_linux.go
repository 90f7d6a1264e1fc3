package blob

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Flush flushes whatever was written to the disk's file system, by whomever.
func (d *Disk) Flush() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
