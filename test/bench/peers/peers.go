// Package peers runs the servers that are measured: uploadd, and those that people
// would put in its place. Each is run as its users run it, in a process of its own.
package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/bench/load"
)

// Server is a running server. A field that is nil is a thing that it cannot do.
type Server struct {
	Name    string
	Address string // HOST:PORT
	PID     int
	// Object is a large object that is about to be sent: parts of size bytes each.
	Object func(parts int, size int64) Object
	// Put sends a small file whole, which n tells from others.
	Put func(c *load.Conn, n int, d load.Data) error
	// Stop ends the server at once; the end of the test does it, too.
	Stop func()
}

// Object is a large object on its way into a server. Parts may be added at once.
type Object interface {
	// Begin announces it, and End makes it one out of its parts.
	Begin(c *load.Conn) error
	Part(c *load.Conn, i int, d load.Data) error
	End(c *load.Conn) error
	// ReadPart reads the bytes of a part back, after End, by whatever way the server has.
	ReadPart(c *load.Conn, i int, into *load.Held) error
}

// Kind is a sort of server.
type Kind struct {
	Name string
	// Flushes says that what it has answered is on the disk. The others keep it in
	// memory for a while.
	Flushes bool
	// Joins says that it makes one object out of parts, where others leave them be.
	Joins bool
	// Forgets says that it keeps nothing, so that nothing can be read back.
	Forgets bool
	// Start runs one that keeps its data in dir.
	Start func(t testing.TB, dir string) *Server
}

// Free is an address of this machine that nobody listens on.
func Free(t testing.TB) string {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	return l.Addr().String()
}

// run starts a command that is to listen on address, and waits until it does. What it
// says goes to a file in dir.
func run(t testing.TB, name, dir, address string, env []string, command ...string) *Server {
	t.Helper()
	log := uploadstest.Must(os.Create(filepath.Join(dir, "log")))(t)
	defer log.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v: run scripts/bench-tools and scripts/tools first, which install it", name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	ended := false
	s := &Server{Name: name, Address: address, PID: cmd.Process.Pid, Stop: func() {
		if !ended {
			ended = true
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}
	}}
	t.Cleanup(s.Stop)
	for range 600 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return s
		}
		select {
		case err := <-exited:
			ended = true
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s ended with %v:\n%s", name, err, said)
		case <-time.After(50 * time.Millisecond):
		}
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("%s does not listen on %s:\n%s", name, address, said)
	return nil
}

// span is the header that asks for n bytes from an offset on.
func span(from, n int64) string { return fmt.Sprintf("Range: bytes=%d-%d", from, from+n-1) }
