//go:build unix

package blob

import (
	"os"
	"syscall"
)

// noFollow makes opening fail where somebody has planted a link.
const noFollow = syscall.O_NOFOLLOW

// statfs asks the file system that f is on.
func statfs(f *os.File) (Space, error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		return Space{}, err
	}
	return Space{
		Size:       int64(st.Blocks) * int64(st.Bsize),
		Free:       int64(st.Bavail) * int64(st.Bsize),
		Inodes:     int64(st.Files),
		FreeInodes: int64(st.Ffree),
	}, nil
}
