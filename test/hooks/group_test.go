package hooks

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a process the first of a group, so that what it starts ends with it: `go
// run` runs another.
var ownGroup = &syscall.SysProcAttr{Setpgid: true}

func endGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
