package container

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// patience is for what a machine that does much else may take long for.
const patience = time.Minute

// ownAddress is one that no other test listens on.
func ownAddress() string {
	n := os.Getpid() << 2
	return fmt.Sprintf("127.%d.%d.%d:8080", n>>16&0xff, n>>8&0xff, n&0xff)
}

// unitEnvironment is what systemd would run the unit's program with.
func unitEnvironment(t *testing.T) (env []string) {
	t.Helper()
	for _, values := range setting(t, "Environment") {
		for value := range strings.FieldsSeq(values) {
			env = append(env, strings.Replace(value, "/var/lib/uploadd", t.TempDir(), 1))
		}
	}
	return env
}

// supervisor is the end of the socket that systemd listens on.
type supervisor struct {
	*net.UnixConn
	path string
}

func supervise(t *testing.T) supervisor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn := uploadstest.Must(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}))(t)
	t.Cleanup(func() { conn.Close() })
	return supervisor{conn, path}
}

// wait waits until it is told state, and returns what it was told before.
func (s supervisor) wait(t *testing.T, state string) (before []string) {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4096); ; {
		n, err := s.Read(buf)
		if err != nil {
			t.Fatalf("waiting to be told %s: %v; before came %q", state, err, before)
		}
		if told := string(buf[:n]); told == state {
			return before
		} else {
			before = append(before, told)
		}
	}
}

// The unit's command tells systemd when it can serve, that it lives, and that it stops.
func TestUnitNotifies(t *testing.T) {
	if kind := setting(t, "Type"); len(kind) != 1 || kind[0] != "notify" {
		t.Fatalf("the unit's type is %q", kind)
	}
	args := strings.Fields(setting(t, "ExecStart")[0])
	if args[0] != "/usr/local/bin/uploadd" {
		t.Fatalf("the unit runs %s", args[0])
	}
	systemd, address := supervise(t), ownAddress()
	server := exec.Command(program.Path(), args[1:]...)
	server.Env = append(unitEnvironment(t), "UPLOADD_LISTEN="+address, "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=200000")
	server.Stderr = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()

	if before := systemd.wait(t, "READY=1"); len(before) > 0 {
		t.Errorf("before it was ready, it said %q", before)
	}
	answer := uploadstest.Must(http.Get("http://" + address + "/readyz"))(t)
	if answer.Body.Close(); answer.StatusCode != http.StatusOK {
		t.Errorf("it said that it is ready, and answers %s", answer.Status)
	}
	for range 3 {
		systemd.wait(t, "WATCHDOG=1")
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	systemd.wait(t, "STOPPING=1")
	if err := server.Wait(); err != nil {
		t.Errorf("stopped, it ended with %v", err)
	}
}

// A server whose port systemd has opened answers the request that it was started for.
func TestSocketActivation(t *testing.T) {
	address := ownAddress()
	said := settings(t, "../../deploy/uploadd.service.d/socket.conf", "Environment")
	activate := exec.Command("systemd-socket-activate", "--listen="+address, "--setenv="+said[0],
		program.Path(), "serve", "--data="+t.TempDir(), "--log-level=warn")
	activate.Stderr = t.Output()
	if err := activate.Start(); err != nil {
		t.Fatal(err)
	}
	defer activate.Wait()
	defer activate.Process.Kill()
	client := http.Client{Timeout: patience}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Get("http://" + address + "/v1/files")
		if err != nil {
			if time.Now().After(end) {
				t.Fatal(err)
			}
			continue // systemd-socket-activate does not listen yet
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("it answers %s", answer.Status)
		}
		break
	}
	// systemd-socket-activate has become the server.
	if err := activate.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := activate.Wait(); err != nil {
		t.Errorf("stopped, it ended with %v", err)
	}
}

// A server that is to take a socket and is given none, two, or one of another kind says so.
func TestSocketRefused(t *testing.T) {
	tcp := func() net.Listener { return uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t) }
	other := uploadstest.Must(net.Listen("unix", filepath.Join(t.TempDir(), "socket")))(t)
	for want, sockets := range map[string][]net.Listener{
		"has handed over 0 sockets": nil,
		"has handed over 2 sockets": {tcp(), tcp()},
		"not one of TCP":            {other},
	} {
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve --listen=systemd --data="$1"`, program.Path(), t.TempDir())
		if cmd.Env = os.Environ(); sockets != nil {
			cmd.Env = append(cmd.Env, fmt.Sprint("LISTEN_FDS=", len(sockets)))
		}
		for _, socket := range sockets {
			defer socket.Close()
			f := uploadstest.Must(socket.(interface{ File() (*os.File, error) }).File())(t)
			defer f.Close()
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("with %d sockets it ended with %v, and said %q; want a word of %q", len(sockets), err, out, want)
		}
	}
}
