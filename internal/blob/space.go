package blob

import (
	"fmt"
	"syscall"
)

// Space is what there is on a disk.
type Space struct {
	Total, Free        int64 // bytes
	Reserve            int64 // bytes that Put leaves free
	Inodes, FreeInodes int64 // 0 of 0 where files need none
}

// SpaceOf is that of the disk which path is on.
func SpaceOf(path string) (Space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("free space of %s: %w", path, err)
	}
	total := int64(st.Blocks) * int64(st.Bsize)
	return Space{total, int64(st.Bavail) * int64(st.Bsize), reserveOf(total), int64(st.Files), int64(st.Ffree)}, nil
}

// reserveOf is what is left free of a disk of total bytes.
func reserveOf(total int64) int64 { return min(reserveMost, total/20) }

// space is the size of the disk and what is free of it, in bytes.
func (d *Disk) space() (total, free int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(d.dir.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", d.dir.Name(), err)
	}
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), nil
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
