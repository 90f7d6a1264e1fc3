package blob

import "golang.org/x/sys/unix"

// Flush flushes whatever was written to the disk's file system, by whomever.
func (d *Disk) Flush() error { return unix.Syncfs(int(d.dir.Fd())) }
