//go:build unix

package blob

import (
	"os"
	"syscall"
)

// noFollow makes opening fail where somebody has planted a link.
const noFollow = syscall.O_NOFOLLOW

func spaceOf(dir *os.File) (total, free int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), nil
}
