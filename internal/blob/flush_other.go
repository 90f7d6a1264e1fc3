//go:build unix && !linux

package blob

import "golang.org/x/sys/unix"

// Flush flushes whatever was written to any disk.
func (d *Disk) Flush() error { return unix.Sync() }
