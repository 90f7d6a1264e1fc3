//go:build unix

package server

import "syscall"

// roomFor lowers the number of connections to a third of the descriptors that the
// process may have: each may need one for a file, and the database some.
func roomFor(conns int) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return conns
	}
	return int(min(uint64(conns), uint64(limit.Cur)/3))
}
