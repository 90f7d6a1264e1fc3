//go:build unix

package meta

import "syscall"

// spaceOf is the size of the disk that a directory is on and what is free of it, in
// bytes.
func spaceOf(dir string) (total, free int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), nil
}
