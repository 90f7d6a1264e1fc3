package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// changing are the calls that change something, by how they name it. The rest
// of what a program does (reading, memory, time, waiting) is gone with it.
var changing = map[uint64]struct {
	name string
	path int // the argument that is the path, or -1: the first is a descriptor
}{
	unix.SYS_WRITE:           {"write", -1},
	unix.SYS_PWRITE64:        {"pwrite64", -1},
	unix.SYS_WRITEV:          {"writev", -1},
	unix.SYS_PWRITEV:         {"pwritev", -1},
	unix.SYS_PWRITEV2:        {"pwritev2", -1},
	unix.SYS_SENDTO:          {"sendto", -1},
	unix.SYS_SENDMSG:         {"sendmsg", -1},
	unix.SYS_SENDFILE:        {"sendfile", -1},
	unix.SYS_SPLICE:          {"splice", -1},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", -1},
	unix.SYS_FSYNC:           {"fsync", -1},
	unix.SYS_FDATASYNC:       {"fdatasync", -1},
	unix.SYS_SYNC_FILE_RANGE: {"sync_file_range", -1},
	unix.SYS_FTRUNCATE:       {"ftruncate", -1},
	unix.SYS_FALLOCATE:       {"fallocate", -1},
	unix.SYS_FCHMOD:          {"fchmod", -1},
	unix.SYS_TRUNCATE:        {"truncate", 0},
	unix.SYS_OPEN:            {"open", 0},
	unix.SYS_CREAT:           {"creat", 0},
	unix.SYS_OPENAT:          {"openat", 1},
	unix.SYS_OPENAT2:         {"openat2", 1},
	unix.SYS_MKDIR:           {"mkdir", 0},
	unix.SYS_MKDIRAT:         {"mkdirat", 1},
	unix.SYS_UNLINK:          {"unlink", 0},
	unix.SYS_UNLINKAT:        {"unlinkat", 1},
	unix.SYS_RMDIR:           {"rmdir", 0},
	unix.SYS_RENAME:          {"rename", 0},
	unix.SYS_RENAMEAT:        {"renameat", 1},
	unix.SYS_RENAMEAT2:       {"renameat2", 1},
	unix.SYS_LINK:            {"link", 0},
	unix.SYS_LINKAT:          {"linkat", 1},
	unix.SYS_SYMLINK:         {"symlink", 0},
	unix.SYS_SYMLINKAT:       {"symlinkat", 0},
	unix.SYS_CHMOD:           {"chmod", 0},
	unix.SYS_FCHMODAT:        {"fchmodat", 1},
	unix.SYS_IO_URING_ENTER:  {"io_uring_enter", -1},
}

// changes names the call and what it is about, if it changes something; "" if
// not.
func (c call) changes() string {
	known, ok := changing[c.nr]
	if !ok || c.nr == unix.SYS_OPEN && c.args[1]&unix.O_CREAT == 0 || c.nr == unix.SYS_OPENAT && c.args[2]&unix.O_CREAT == 0 {
		return ""
	}
	object := ""
	if known.path < 0 {
		object, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.thread, int32(c.args[0])))
		if strings.HasPrefix(object, "anon_inode:") { // Go's runtime wakes itself up
			return ""
		}
	} else {
		object = c.text(c.args[known.path])
	}
	return known.name + " " + filepath.Base(object)
}

// text reads the string at an address of the program.
func (c call) text(address uint64) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", c.thread))
	if err != nil {
		return "?"
	}
	defer mem.Close()
	b := make([]byte, 256)
	n, _ := mem.ReadAt(b, int64(address)) // it may end with its page
	s, _, _ := strings.Cut(string(b[:n]), "\x00")
	return s
}
