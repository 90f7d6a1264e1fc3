// Package doctor holds `uploadd doctor` to real defects: each must be told, with what to
// do about it, and nothing else; and nothing may be left behind.
package doctor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/doctor"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// ofMachine are rows that depend on where the tests run.
var ofMachine = []string{"machine.descriptors", "machine.memory", "clock.synchronised", "disk.space", "postgres.latency"}

// examination is a run of the command: under another, with an environment, and flags.
type examination struct {
	under   []string
	program string // "": as it was built
	env     []string
	args    []string
}

// run returns the rows of those checks that are not the machine's, and the exit code.
func (x examination) run(t testing.TB) (rows []doctor.Row, code int) {
	t.Helper()
	path := cmp.Or(x.program, program.Path())
	args := append(slices.Clone(x.under), path, "doctor", "--json", "--listen=127.0.0.1:0")
	args = append(args, x.args...)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), x.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Errorf("%v says %s", x.args, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		var r doctor.Row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if !slices.Contains(doctor.Checks, r.Check) {
			t.Errorf("%s is no check that is known", r.Check)
		}
		if (r.Do == "") != (r.Verdict == doctor.OK) {
			t.Errorf("%s is %s, and what to do is '%s'", r.Check, r.Verdict, r.Do)
		}
		rows = append(rows, r)
	}
	return rows, code
}

// fine expects that nothing is wrong, and that these checks were made among others.
func (x examination) fine(t testing.TB, checks ...string) {
	t.Helper()
	checks = slices.Clone(checks)
	rows, code := x.run(t)
	for _, r := range rows {
		if r.Verdict != doctor.OK && !slices.Contains(ofMachine, r.Check) {
			t.Errorf("%s is %s: %s. %s", r.Check, r.Verdict, r.Saw, r.Do)
		}
		checks = slices.DeleteFunc(checks, func(c string) bool { return c == r.Check })
	}
	if len(checks) > 0 {
		t.Errorf("not looked at: %s", checks)
	}
	if code != 0 {
		t.Errorf("exit %d", code)
	}
}

// want is the row of a defect. Both texts are regular expressions.
type want struct {
	check   string
	verdict doctor.Verdict
	saw, do string
}

// finds expects these rows, and nothing else that is wrong but for others.
func (x examination) finds(t testing.TB, others []string, wanted ...want) {
	t.Helper()
	rows, code := x.run(t)
	wantCode := 0
	for _, w := range wanted {
		i := slices.IndexFunc(rows, func(r doctor.Row) bool { return r.Check == w.check && r.Verdict == w.verdict })
		if i < 0 {
			t.Errorf("%s is not %s in %+v", w.check, w.verdict, rows)
			continue
		}
		if r := rows[i]; !regexp.MustCompile(w.saw).MatchString(r.Saw) || !regexp.MustCompile(w.do).MatchString(r.Do) {
			t.Errorf("%s: %s. %s; want '%s' and '%s'", r.Check, r.Saw, r.Do, w.saw, w.do)
		}
		if w.verdict == doctor.Fail {
			wantCode = 1
		}
		others = append(others, w.check)
	}
	for _, r := range rows {
		if r.Verdict != doctor.OK && !slices.Contains(others, r.Check) && !slices.Contains(ofMachine, r.Check) {
			t.Errorf("%s is %s, too: %s. %s", r.Check, r.Verdict, r.Saw, r.Do)
		}
	}
	if code != wantCode {
		t.Errorf("exit %d, want %d", code, wantCode)
	}
}

// names lists everything below dir.
func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if !strings.HasSuffix(path, "-shm") && !strings.HasSuffix(path, "-wal") { // which SQLite makes for readers
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// same fails the test unless dir holds what it held.
func same(t testing.TB, dir string) (check func()) {
	before := names(t, dir)
	return func() {
		t.Helper()
		if after := names(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s holds %v, and held %v", dir, after, before)
		}
	}
}

var onDisk = []string{"disk.write", "disk.trusted", "disk.flush", "disk.direct", "disk.allocate", "disk.lock", "disk.space", "disk.inodes",
	"sqlite.durable", "sqlite.version", "access.keys", "listen.address"}

// A directory that is not there stays so; one that a server is working on stays as it is.
func TestDirectory(t *testing.T) {
	parent := t.TempDir()
	unchanged := same(t, parent)
	examination{args: []string{"--data", filepath.Join(parent, "data")}}.fine(t, onDisk...)
	unchanged()

	s := program.Start(t, program.Options{})
	uploadstest.Must(s.CreateFile(t.Context(), strings.NewReader("abc"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f.txt", Purpose: "user_data"}, nil
	}))(t)
	unchanged = same(t, s.Data)
	x := examination{args: []string{"--data", s.Data, "--listen", strings.TrimPrefix(s.URL, "http://")}}
	x.fine(t, append([]string{"sqlite.intact", "sqlite.log"}, onDisk...)...)
	rows, _ := x.run(t)
	for check, saw := range map[string]string{"disk.lock": "a server runs on", "listen.address": "a server of uploadd answers at"} {
		if !slices.ContainsFunc(rows, func(r doctor.Row) bool { return r.Check == check && strings.Contains(r.Saw, saw) }) {
			t.Errorf("%s does not say that %s", check, saw)
		}
	}
	// What a crash has left is taken away.
	left := filepath.Join(s.Data, "uploadd-doctor")
	if err := errors.Join(os.MkdirAll(filepath.Join(left, "flushed"), 0o700), os.WriteFile(filepath.Join(left, ".made-by-uploadd-doctor"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	x.fine(t)
	unchanged()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, s.Data)
}

// The table is for people: each row, and below it what to do.
func TestTable(t *testing.T) {
	cmd := exec.Command(program.Path(), "doctor", "--listen=0.0.0.0:0", "--data", filepath.Join(t.TempDir(), "data"))
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	for _, line := range []string{
		`(?m)^CHECK +RESULT +WHAT WAS SEEN`,
		`(?m)^disk.write +ok +/`,
		`(?m)^access.keys +FAIL +no keys, and others.*\n +→ uploadd keys create --project NAME$`,
	} {
		if !regexp.MustCompile(line).Match(out) {
			t.Errorf("no %s in\n%s", line, out)
		}
	}
}

// docs/doctor.md explains each check, and no other.
func TestDocs(t *testing.T) {
	text := string(uploadstest.Must(os.ReadFile("../../docs/doctor.md"))(t))
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9]+\\.[a-z0-9]+)` \\|").FindAllStringSubmatch(text, -1) {
		explained = append(explained, m[1])
	}
	if !slices.Equal(explained, doctor.Checks) {
		t.Errorf("the docs explain %v, and there are %v", explained, doctor.Checks)
	}
}
