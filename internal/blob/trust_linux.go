package blob

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// untrusted are file systems of which it is known, or cannot be known, that what
// was flushed to them may be lost with the power or the connection.
var untrusted = map[uint32]string{
	unix.TMPFS_MAGIC:      "tmpfs, which is memory",
	unix.RAMFS_MAGIC:      "ramfs, which is memory",
	unix.NFS_SUPER_MAGIC:  "NFS, which is as durable as its server",
	unix.SMB2_SUPER_MAGIC: "SMB, which is as durable as its server",
	unix.CIFS_SUPER_MAGIC: "SMB, which is as durable as its server",
	unix.FUSE_SUPER_MAGIC: "FUSE, which is as durable as the program behind it",
}

// Untrusted names the file system of path if flushing to it does not say that
// bytes survive a loss of power, "" if it does.
func Untrusted(path string) (string, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return "", fmt.Errorf("the file system of %s: %w", path, err)
	}
	return untrusted[uint32(st.Type)], nil
}
