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

// Space is the room on a disk, in bytes.
type Space struct {
	Size, Free int64 // Free is what this process may use
	Reserve    int64 // of Free: what is kept from blobs
}

// Space says how much room there is.
func (d *Disk) Space() (Space, error) {
	size, free, err := d.space()
	return Space{size, free, d.reserve}, err
}
