// Package program builds uploadd once and runs it in processes of its own, for
// the tests that use it from outside: kill it, trace it, fill its disk. It builds
// upload, too, for those that ask for it.
package program

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"uploadd/client"
)

// path is the built program.
var path string

// Main builds the program, and the other commands that are named, and runs the
// tests; a package's TestMain calls it.
func Main(m *testing.M, others ...string) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uploadd-program")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "uploadd")
		for _, name := range append(others, "uploadd") {
			if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "uploadd/cmd/"+name).CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// Server is a running uploadd, and a client of it.
type Server struct {
	*client.Client
	URL  string // without /v1
	Data string
	PID  int

	cmd    *exec.Cmd
	once   sync.Once
	exited error
}

// Options say how to run it; the zero value runs it plainly.
type Options struct {
	Path   string       // "": the program as it is; or what Mutant built
	Data   string       // "": a directory of the test's own
	Flags  []string     // of serve
	Under  []string     // a command and its flags that runs it, such as strace
	Env    []string     // added to the environment
	Stderr *os.File     // nil: the test's output
	HTTP   *http.Client // of the Server's client; nil: its own
	// KillAfter kills it so long after it was started, be it ready or not; 0 never.
	KillAfter time.Duration
	// Began is called when the process runs, be it ready or not; nil for nobody.
	Began func(*Server)
}

var firstLine = regexp.MustCompile(`^uploadd listens on (https?://[^/]+)/v1 `)

// Start runs a server, which ends with the test at the latest.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := TryStart(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TryStart runs a server that may fail to start.
func TryStart(t testing.TB, o Options) (*Server, error) {
	t.Helper()
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Path == "" {
		o.Path = path
	}
	args := append(append([]string{}, o.Under...), o.Path, "serve", "--listen=127.0.0.1:0", "--data="+o.Data, "--quiet")
	args = append(args, o.Flags...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Kill reaches what runs under Under
	if cmd.Stderr = t.Output(); o.Stderr != nil {
		cmd.Stderr = o.Stderr
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, Data: o.Data, PID: cmd.Process.Pid}
	t.Cleanup(s.Kill)
	if o.KillAfter > 0 {
		time.AfterFunc(o.KillAfter, s.Kill)
	}
	if o.Began != nil {
		o.Began(s)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	m := firstLine.FindStringSubmatch(line)
	if m == nil {
		s.Kill()
		return nil, fmt.Errorf("the server's first line is %q (%w), and it ended with %v", line, err, s.exited)
	}
	s.URL = m[1]
	s.Client, err = client.New(client.Config{BaseURL: m[1] + "/v1", Key: "any", HTTP: o.HTTP})
	return s, err
}

// Kill ends the server with SIGKILL, and whatever it runs under.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks it to end with SIGTERM, and returns how it did.
func (s *Server) Stop() error {
	s.end(syscall.SIGTERM)
	return s.exited
}

// Wait waits for it to end by itself, or kills it when that takes too long.
func (s *Server) Wait(most time.Duration) error {
	timer := time.AfterFunc(most, func() { syscall.Kill(-s.PID, syscall.SIGKILL) })
	defer timer.Stop()
	s.once.Do(func() { s.exited = s.cmd.Wait() })
	return s.exited
}

func (s *Server) end(sig syscall.Signal) {
	s.once.Do(func() {
		syscall.Kill(-s.PID, sig)
		s.exited = s.cmd.Wait()
	})
}

// Signal sends sig to the server.
func (s *Server) Signal(sig syscall.Signal) error { return syscall.Kill(-s.PID, sig) }

// Run runs a command of the program to its end.
func Run(ctx context.Context, args ...string) (code int, output string) {
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		return -1, err.Error()
	}
	return 0, string(out)
}

// Check runs `uploadd check --read-data` on data, and fails the test with the
// faults it reports.
func Check(t testing.TB, data string) {
	t.Helper()
	if code, out := Run(context.Background(), "check", "--read-data", "--data", data); code != 0 {
		t.Errorf("check: exit %d\n%s", code, strings.TrimSpace(out))
	}
}

// Path is where the built program is, for tests that run it their own way.
func Path() string { return path }

// Command is where another command is that Main was told to build.
func Command(name string) string { return filepath.Join(filepath.Dir(path), name) }

// Stored lists the blobs in data that are files, by their paths. Those of less than
// blob.SmallSize bytes are in the database.
func Stored(t testing.TB, data string) []string {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(data, "blobs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}
