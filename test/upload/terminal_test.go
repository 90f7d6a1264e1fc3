package upload

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// session is upload, or a shell, on a terminal.
type session struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	over chan struct{} // closed when it has said all

	mu       sync.Mutex
	terminal *emulator
	changed  func(*emulator) // nil, or called after each output
}

func (m *machine) onTerminal(t *testing.T, w, h int, args ...string) *session {
	t.Helper()
	return startSession(t, m.command(args...), w, h, nil)
}

func startSession(t *testing.T, cmd *exec.Cmd, w, h int, changed func(*emulator)) *session {
	t.Helper()
	s := &session{t: t, cmd: cmd, over: make(chan struct{}), terminal: newEmulator(w, h), changed: changed}
	tty, err := pty.StartWithSize(s.cmd, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)})
	if err != nil {
		t.Fatal(err)
	}
	s.tty = tty
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		tty.Close()
	})
	go func() {
		defer close(s.over)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.terminal.write(string(buf[:n]))
			if s.changed != nil {
				s.changed(s.terminal)
			}
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// screen is what the terminal shows now.
func (s *session) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terminal.String()
}

// until waits for something to be on the screen.
func (s *session) until(pattern string) {
	s.t.Helper()
	s.wait(pattern, regexp.MustCompile(pattern).MatchString)
}

// wait waits for a screen on which holds is true.
func (s *session) wait(what string, holds func(screen string) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(s.screen()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not appear on\n%s", what, s.screen())
		}
	}
}

func (s *session) typed(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, text); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the program's end and returns its exit code.
func (s *session) end() int {
	s.t.Helper()
	<-s.over
	s.cmd.Wait() // the code tells
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.terminal.fault(); err != nil {
		s.t.Errorf("%v on\n%s", err, s.terminal)
	}
	return s.cmd.ProcessState.ExitCode()
}

// wantScreen fails the test unless the screen in the end is this, but for blanks
// at the ends of lines.
func (s *session) wantScreen(pattern string) {
	s.t.Helper()
	if !regexp.MustCompile(`^` + pattern + `$`).MatchString(s.screen()) {
		s.t.Errorf("the screen is\n%s\nand not\n%s", s.screen(), pattern)
	}
}

const idLine = `file-\w+`

func TestBar(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("big.bin", 6*part)
	s := m.onTerminal(t, 100, 24, "big.bin", "--part-size=1MiB", "--limit-rate=3MiB")
	s.until(`big.bin +\[=+> *\] +\d+%.* MiB/s +\d+(\.\d)? MiB / 6.0 MiB`)
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.wantScreen(`big.bin  6.0 MiB in \S+, \S+ MiB/s\n` + idLine)
}

// TestBarsOfSeveralFiles: on a terminal so narrow that little fits.
func TestBarsOfSeveralFiles(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a rather long name for a file.bin", 3*part)
	m.write("b.bin", 3*part)
	m.write("日本語の長い名前のファイル.bin", 3*part)
	s := m.onTerminal(t, 30, 10, "a rather long name for a file.bin", "b.bin", "日本語の長い名前のファイル.bin", "missing",
		"--part-size=1MiB", "--limit-rate=5MiB")
	s.until(`0 of 4 files +\d+%|1 of 4 files +\d+%`)
	if code := s.end(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if got := regexp.MustCompile(idLine).FindAllString(s.screen(), -1); len(got) != 3 {
		t.Errorf("%d ids on\n%s", len(got), s.screen())
	}
	if strings.Contains(s.screen(), "of 4 files") {
		t.Errorf("a bar is left over on\n%s", s.screen())
	}
}

// TestResize: a window that becomes narrower wraps the bars, and they must be
// found again.
func TestResize(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a.bin", 5*part)
	m.write("b.bin", 5*part)
	s := m.onTerminal(t, 100, 24, "a.bin", "b.bin", "--part-size=1MiB", "--limit-rate=3MiB")
	s.until(`of 2 files.*MiB/s`)
	for _, w := range []int{35, 120, 20} {
		s.resize(w)
		time.Sleep(500 * time.Millisecond)
	}
	s.mu.Lock()
	s.terminal.wrapped = nil // lines that were printed once are not drawn again
	s.mu.Unlock()
	s.until(idLine + `(.|\n)*` + idLine)
	<-s.over
	if got := strings.Count(s.screen(), "of 2 files"); got != 0 {
		t.Errorf("%d bars are left over on\n%s", got, s.screen())
	}
	if got := strings.Count(strings.ReplaceAll(s.screen(), "\n", ""), "a.bin"); got != 1 {
		t.Errorf("a.bin is there %d times on\n%s", got, s.screen())
	}
}

// resize gives the terminal another width, right after the program has drawn and
// long before it draws again: what is on its way just then is lost to any program.
func (s *session) resize(w int) {
	s.t.Helper()
	resized := make(chan error, 1)
	s.mu.Lock()
	s.changed = func(e *emulator) {
		s.stop()
		defer syscall.Kill(s.cmd.Process.Pid, syscall.SIGCONT)
		if n, err := unix.IoctlGetInt(int(s.tty.Fd()), unix.TIOCINQ); err != nil || n > 0 || e.col > 0 {
			return // it is in the middle of drawing
		}
		e.resize(w)
		s.changed = nil
		resized <- pty.Setsize(s.tty, &pty.Winsize{Rows: uint16(e.h), Cols: uint16(w)})
	}
	s.mu.Unlock()
	select {
	case err := <-resized:
		if err != nil {
			s.t.Fatal(err)
		}
	case <-s.over:
		s.t.Fatalf("it ended too soon:\n%s", s.screen())
	}
}

// stop stops the program, and returns when it has stopped.
func (s *session) stop() {
	pid := s.cmd.Process.Pid
	syscall.Kill(pid, syscall.SIGSTOP)
	for range 10_000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || !strings.Contains(string(stat), ") R ") && !strings.Contains(string(stat), ") S ") {
			return // stopped, or at its end
		}
		time.Sleep(time.Millisecond)
	}
}

// TestInterruptOnTerminal: the key that interrupts leaves a clean screen, which
// says how to go on.
func TestInterruptOnTerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	data := m.write("big.bin", 6*part)
	s := m.onTerminal(t, 100, 24, "big.bin", "--part-size=1MiB", "--limit-rate=2MiB", "--parallel=1")
	s.until(`[5-8]\d%`) // so that some of the parts have arrived
	s.typed("\x03")
	if code := s.end(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if screen := s.screen(); !strings.Contains(screen, "the same command sends the rest") || strings.Contains(screen, "[=") {
		t.Errorf("the screen is\n%s", screen)
	}
	s = m.onTerminal(t, 100, 24, "big.bin", "--part-size=1MiB")
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.wantScreen(`big.bin  6.0 MiB in \S+, of which \d\.0 MiB were there(, \S+ MiB/s)?\n` + idLine)
	m.wantStored(regexp.MustCompile(idLine).FindString(s.screen()), data)
}

// TestInterruptWhileItReads: somebody who types has changed their mind.
func TestInterruptWhileItReads(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	s := m.onTerminal(t, 100, 24, "-")
	s.typed("half a")
	s.until("half a")
	time.Sleep(200 * time.Millisecond) // until it reads
	s.typed("\x03")
	if code := s.end(); code != 130 || !strings.Contains(s.screen(), "interrupted: 1 file not sent") {
		t.Errorf("exit code %d, and on the screen\n%s", code, s.screen())
	}
}

// TestRmAsks: nothing but a yes deletes.
func TestRmAsks(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a.bin", 1000)
	m.write("b.bin", 2000)
	if code, _, errs := m.run("a.bin", "b.bin"); code != 0 {
		t.Fatal(errs)
	}
	for _, c := range []struct {
		answer string
		code   int
		left   int
	}{{"\n", 0, 2}, {"n\n", 0, 2}, {"yess\n", 0, 2}, {"\x04", 0, 2}, {"\x03", 130, 2}, {"y\n", 0, 0}} {
		s := m.onTerminal(t, 100, 24, "rm", "--purpose=user_data")
		s.until(`(?s)a\.bin.*2 files, 2\.9 KiB in all\.\nDelete them\? \[y/N\]`)
		s.typed(c.answer)
		if code := s.end(); code != c.code {
			t.Errorf("%q: exit code %d", c.answer, code)
		}
		list, err := m.server.ListFiles(t.Context(), listAll)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Data) != c.left {
			t.Errorf("%q: %d files are left", c.answer, len(list.Data))
		}
	}
}

// TestNoTerminal: in a pipe there is nothing but plain lines.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a.bin", 3*part)
	code, out, errs := m.run("a.bin", "--part-size=1MiB")
	if code != 0 || !regexp.MustCompile(`^`+idLine+`\n$`).MatchString(out) ||
		!regexp.MustCompile(`^a.bin  3.0 MiB in \S+(, \S+ MiB/s)?\n$`).MatchString(errs) {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}
