package upload

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/test/program"
)

// machine is a user's directory and environment, and a server.
type machine struct {
	t      testing.TB
	dir    string
	env    []string
	server *program.Server // nil: another one
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	server := program.Start(t, program.Options{})
	return &machine{t, t.TempDir(), []string{"OPENAI_BASE_URL=" + server.URL + "/v1", "OPENAI_API_KEY=" + key}, server}
}

const key = "sk-secret-0123456789"

// command runs upload there.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program.Command("upload"), args...)
	cmd.Dir = m.dir
	cmd.Env = append(append(os.Environ(), "HOME="+m.dir, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "TERM=xterm"), m.env...)
	return cmd
}

// run runs upload to its end.
func (m *machine) run(args ...string) (code int, stdout, stderr string) {
	m.t.Helper()
	var out, errs bytes.Buffer
	cmd := m.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// write makes a file of random bytes.
func (m *machine) write(name string, size int) (data []byte) {
	m.t.Helper()
	data = make([]byte, size)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(m.dir, name), data, 0o600); err != nil {
		m.t.Fatal(err)
	}
	return data
}

// wantStored fails the test unless the File with the id has these bytes.
func (m *machine) wantStored(id string, data []byte) {
	m.t.Helper()
	f, err := m.server.OpenFile(m.t.Context(), id)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		m.t.Errorf("file %s has %d other bytes than the %d that were sent: %v", id, len(got), len(data), err)
	}
}

// event is a line of --json, as a user's program reads it.
type event struct {
	Event      string
	Name       string
	Bytes      int64
	Total      int64
	Parts      int
	PartsTotal int    `json:"parts_total"`
	UploadID   string `json:"upload_id"`
	Resumable  bool
	File       *api.File
	Summary    *struct{ Sent, Failed, Unsent int }
}

func events(t testing.TB, out string) (all []event) {
	t.Helper()
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var e event
		if err := dec.Decode(&e); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		all = append(all, e)
	}
	return all
}

// listAll asks for everything.
var listAll = api.ListQuery{}

func pick(all []event, name string) (picked []event) {
	for _, e := range all {
		if e.Event == name {
			picked = append(picked, e)
		}
	}
	return picked
}

const (
	part = 1 << 20
	size = 8*part + 12345
)

// interrupt sends big.bin slowly, and ends it with a signal when some Parts have
// arrived. It returns what it printed.
func (m *machine) interrupt(sig syscall.Signal, want int) (stderr string) {
	m.t.Helper()
	cmd := m.command("big.bin", "--json", "--part-size=1MiB", "--parallel=2", "--limit-rate=2MiB")
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			m.t.Fatalf("%v: %s", err, lines.Text())
		}
		if e.Event == "part" && e.Parts >= want {
			cmd.Process.Signal(sig)
			want = size // once is enough
		}
	}
	cmd.Wait() // its code is looked at below
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case sig == syscall.SIGKILL && status.Signal() != sig:
		m.t.Fatalf("%v: it ended by itself: %s", sig, errs.String())
	case sig != syscall.SIGKILL && status.ExitStatus() != 130:
		m.t.Fatalf("%v: exit code %d: %s", sig, status.ExitStatus(), errs.String())
	}
	return errs.String()
}

// TestInterrupt: what was sent before a signal, even the one that nobody can
// catch, is not sent again, and the file arrives whole.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			data := m.write("big.bin", size)
			stderr := m.interrupt(sig, 3)
			if sig != syscall.SIGKILL && !strings.Contains(stderr, "the same command sends the rest") {
				t.Errorf("it says %q", stderr)
			}
			open := m.status()
			if len(open) != 1 || open[0].Bytes < 3*part || open[0].Total != size || open[0].Source != filepath.Join(m.dir, "big.bin") {
				t.Fatalf("status: %+v", open)
			}
			if code, out, _ := m.run("--dry-run", "big.bin", "--part-size=1MiB"); code != 0 || !strings.Contains(out, open[0].ID) {
				t.Errorf("dry run: exit %d, %q", code, out)
			}

			code, out, errs := m.run("big.bin", "--json", "--part-size=1MiB")
			if code != 0 {
				t.Fatalf("exit %d: %s", code, errs)
			}
			all := events(t, out)
			resumed, sent, done := pick(all, "resumed"), pick(all, "part"), pick(all, "done")
			if len(resumed) != 1 || resumed[0].UploadID != open[0].ID || resumed[0].Parts < 3 {
				t.Fatalf("it did not go on: %s", out)
			}
			if len(sent) != 9-resumed[0].Parts {
				t.Errorf("%d parts were there, and %d of 9 were sent", resumed[0].Parts, len(sent))
			}
			m.wantStored(done[0].File.ID, data)
			if open := m.status(); len(open) != 0 {
				t.Errorf("left over: %+v", open)
			}
		})
	}
}

// open is a line of upload status --json.
type open struct {
	ID, Status, Source string
	Bytes, Total       int64
	Parts              *int
}

func (m *machine) status(args ...string) (all []open) {
	m.t.Helper()
	code, out, errs := m.run(append([]string{"status", "--json"}, args...)...)
	if code != 0 {
		m.t.Fatalf("status: exit %d: %s", code, errs)
	}
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var o open
		if err := dec.Decode(&o); err != nil {
			m.t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// TestChangedFile: what was sent of a file that is another one now is not mixed
// with it.
func TestChangedFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("big.bin", size)
	m.interrupt(syscall.SIGINT, 2)
	data := m.write("big.bin", size)
	code, out, errs := m.run("big.bin", "--json", "--part-size=1MiB")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	all := events(t, out)
	if len(pick(all, "resumed")) > 0 || len(pick(all, "part")) != 9 {
		t.Errorf("the changed file was not sent anew: %s", out)
	}
	m.wantStored(pick(all, "done")[0].File.ID, data)
}

func TestNoResume(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("big.bin", size)
	m.interrupt(syscall.SIGINT, 2)
	code, out, errs := m.run("big.bin", "--json", "--part-size=1MiB", "--no-resume")
	if all := events(t, out); code != 0 || len(pick(all, "resumed")) > 0 || len(pick(all, "part")) != 9 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("big.bin", size)
	m.interrupt(syscall.SIGINT, 2)
	before := m.status()
	if code, out, errs := m.run("cancel", before[0].ID); code != 0 || out != before[0].ID+"\n" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if after := m.status(); len(after) != 0 {
		t.Errorf("still open: %+v", after)
	}
	if after := m.status(before[0].ID); len(after) != 1 || after[0].Status != "cancelled" {
		t.Errorf("status of the one: %+v", after)
	}
	if code, _, errs := m.run("cancel", "upload_nothere"); code != 1 || !strings.Contains(errs, "upload_nothere") {
		t.Errorf("a missing one: exit %d, %q", code, errs)
	}
	code, out, _ := m.run("big.bin", "--json", "--part-size=1MiB")
	if all := events(t, out); code != 0 || len(pick(all, "resumed")) > 0 {
		t.Errorf("exit %d: it goes on with what was given up: %s", code, out)
	}
}

// TestJSON: the events that docs/upload.md promises, in their order.
func TestJSON(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a.bin", 3*part)
	m.write("b.bin", 10)
	code, out, errs := m.run("a.bin", "missing", "b.bin", "--json", "--part-size=1MiB", "--parallel=1")
	if code != 1 || !strings.Contains(errs, "upload: missing: ") {
		t.Errorf("exit %d, %q", code, errs)
	}
	all := events(t, out)
	for name, want := range map[string]int{"started": 2, "part": 4, "completing": 1, "done": 2, "failed": 1, "summary": 1} {
		if got := len(pick(all, name)); got != want {
			t.Errorf("%d times %s, want %d:\n%s", got, name, want, out)
		}
	}
	last := all[len(all)-1]
	if last.Event != "summary" || last.Summary.Sent != 2 || last.Summary.Failed != 1 || last.Summary.Unsent != 0 {
		t.Errorf("the last one is %+v", last)
	}
	done := pick(all, "done")
	if done[0].Name != "a.bin" || done[0].File.Bytes != 3*part || done[1].Name != "b.bin" {
		t.Errorf("%+v", done)
	}
	if bad := pick(all, "failed")[0]; bad.Name != "missing" || bad.Resumable {
		t.Errorf("%+v", bad)
	}
}
