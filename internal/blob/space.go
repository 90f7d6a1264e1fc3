package blob

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Space is what there is on a disk.
type Space struct {
	Size, Free         int64 // bytes; Free is what this process may use
	Reserve            int64 // bytes of Free that Put leaves
	Inodes, FreeInodes int64 // 0 of 0 where files need none
}

// SpaceOf is that of the disk which path is on.
func SpaceOf(path string) (Space, error) {
	f, err := os.Open(path)
	if err != nil {
		return Space{}, err
	}
	s, err := spaceOf(f)
	return s, errors.Join(err, f.Close())
}

// Space is that of the disk which the blobs are on.
func (d *Disk) Space() (Space, error) {
	s, err := spaceOf(d.dir)
	s.Reserve = d.reserve
	return s, err
}

func spaceOf(f *os.File) (Space, error) {
	s, err := statfs(f)
	if err != nil {
		return Space{}, fmt.Errorf("free space of %s: %w", f.Name(), err)
	}
	s.Reserve = reserveOf(s.Size)
	return s, nil
}

// reserveOf is what is left free of a disk of size bytes.
func reserveOf(size int64) int64 { return min(reserveMost, size/20) }

// room refuses more bytes when the disk is all but full.
func (d *Disk) room() error {
	s, err := d.Space()
	if err != nil {
		return err
	}
	if s.Free < s.Reserve {
		return fmt.Errorf("%d bytes are free and %d are kept in reserve: %w", s.Free, s.Reserve, syscall.ENOSPC)
	}
	return nil
}
