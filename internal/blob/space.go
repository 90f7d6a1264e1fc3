package blob

import (
	"fmt"
	"syscall"
)

// space is the size of the disk and what is free of it, in bytes.
func (d *Disk) space() (total, free int64, err error) {
	if total, free, err = spaceOf(d.dir); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", d.dir.Name(), err)
	}
	return total, free, nil
}

// room refuses more bytes when the disk is all but full.
func (d *Disk) room() error {
	_, free, err := d.space()
	if err != nil {
		return err
	}
	if free < d.reserve {
		return fmt.Errorf("%d bytes are free and %d are kept in reserve: %w", free, d.reserve, syscall.ENOSPC)
	}
	return nil
}
