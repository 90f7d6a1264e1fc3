package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	attackEnv = "UPLOADD_ATTACK"
	// drip is the time between two bytes of a slow client.
	drip = 3 * time.Second
)

// slowness says what a slow client sends at once. Then it sends, or takes, a byte
// now and then.
var slowness = map[string]func(file string) string{
	"heads": func(string) string { return "GET /v1/files HTTP/1.1\r\nHost: localhost\r\nX: " },
	"idle": func(string) string {
		return "GET /v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer slow\r\n\r\n"
	},
	"bodies": func(string) string {
		return slowForm + strings.Repeat("x", 100)
	},
	"large bodies": func(string) string { // which have been given a large buffer by then
		return slowForm + strings.Repeat("x", 100<<10)
	},
	"strangers' bodies": func(string) string {
		return "POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nx"
	},
	"readers": func(file string) string {
		return "GET /v1/files/" + file + "/content HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer slow\r\n\r\n"
	},
}

const slowForm = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer slow\r\n" +
	"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000\r\n\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"

// attacker is the process that keeps as many connections as it can, until its
// input ends. Then it tells how many there were.
func attacker(attack string) {
	fields := strings.SplitN(attack, "|", 7) // kind, source, address, file, number, pause, key
	var n int
	fmt.Sscan(fields[4], &n)
	again, err := time.ParseDuration(fields[5])
	if err != nil {
		panic(err)
	}
	beginning := strings.ReplaceAll(slowness[fields[0]](fields[3]), "Bearer slow", "Bearer "+fields[6])
	local := &net.TCPAddr{IP: net.ParseIP(fields[1])}
	dialer := &net.Dialer{LocalAddr: local, Timeout: 10 * time.Second, Control: smallBuffers}
	var open, opened, cut, refused atomic.Int64
	for i := range n {
		go func() {
			time.Sleep(again * time.Duration(i) / time.Duration(n)) // they come one by one
			for ; ; time.Sleep(again) {
				conn, err := dialer.Dial("tcp", fields[2])
				if err != nil {
					refused.Add(1)
					continue
				}
				opened.Add(1)
				open.Add(1)
				slow(conn, beginning, fields[0] == "idle")
				open.Add(-1)
				cut.Add(1)
			}
		}()
	}
	for r := bufio.NewReader(os.Stdin); ; {
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		fmt.Printf("%s: %d open, %d opened, %d cut off, %d failed to connect\n", fields[0], open.Load(), opened.Load(), cut.Load(), refused.Load())
	}
}

// smallBuffers keeps the kernel from taking an answer off the server's hands.
func smallBuffers(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
	})
}

// slow keeps a connection open for as long as the server lets it.
func slow(conn net.Conn, beginning string, idle bool) {
	defer conn.Close()
	if _, err := io.WriteString(conn, beginning); err != nil {
		return
	}
	one := make([]byte, 1)
	for {
		conn.SetReadDeadline(time.Now().Add(drip))
		n, err := conn.Read(one)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return
		case n > 0 && !idle:
			time.Sleep(drip)
		}
		if !idle {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

// attackers are processes of slow clients.
type attackers struct {
	t     *testing.T
	key   string
	stop  sync.Once
	procs []*attackProc
}

type attackProc struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// perProcess bounds the connections of one attacking process.
const perProcess = 8000

// attack starts n slow clients of a kind.
func (a *attackers) attack(kind, address, file string, n int) {
	a.t.Helper()
	for ; n > 0; n -= perProcess {
		source := fmt.Sprintf("127.0.1.%d", 1+len(a.procs)/4) // an address has 28,000 ports
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s|%s|%d|%s|%s", attackEnv, kind, source, address, file, min(n, perProcess), *slowPause, a.key))
		cmd.Stderr = a.t.Output()
		in, err := cmd.StdinPipe()
		if err != nil {
			a.t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			a.t.Fatal(err)
		}
		a.procs = append(a.procs, &attackProc{cmd, in, bufio.NewReader(out)})
	}
}

// tell logs what the attackers have reached, and wants that each kind has connected.
func (a *attackers) tell() {
	a.t.Helper()
	for _, p := range a.procs {
		io.WriteString(p.in, "\n")
		line, err := p.out.ReadString('\n')
		if err != nil || strings.Contains(line, " 0 opened") {
			a.t.Errorf("an attacker did not attack: %q, %v", line, err)
		}
		a.t.Log(strings.TrimSpace(line))
	}
}

func (a *attackers) end() {
	a.stop.Do(func() {
		for _, p := range a.procs {
			p.in.Close()
			p.cmd.Wait()
		}
	})
}
