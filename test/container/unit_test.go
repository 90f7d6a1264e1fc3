package container

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

const unitFile = "../../deploy/uploadd.service"

// setting returns the values of a setting of the unit, in their order.
func setting(t *testing.T, name string) (values []string) {
	t.Helper()
	text := string(uploadstest.Must(os.ReadFile(unitFile))(t))
	for _, m := range regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(text, -1) {
		values = append(values, m[1])
	}
	return values
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %s (of Debian's package systemd): %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// systemd understands every line of the unit, and finds little to say against it.
func TestUnit(t *testing.T) {
	text := uploadstest.Must(os.ReadFile(unitFile))(t)
	text = bytes.ReplaceAll(text, []byte("/usr/local/bin/uploadd"), []byte(program.Path()))
	unit := filepath.Join(t.TempDir(), "uploadd.service")
	if err := os.WriteFile(unit, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := analyze(t, "verify", unit); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	analyze(t, "security", "--offline=true", "--threshold=20", unit) // of 100
}

// The program lives within the unit's filter, which allows every system call of a
// whole life.
func TestSystemCalls(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	s := program.Start(t, program.Options{Under: []string{"strace", "-f", "-qq", "-e", "signal=none", "-o", trace}})
	u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 1 << 20, MimeType: "text/plain"}))(t)
	part := uploadstest.Must(s.AddPart(t.Context(), u.ID, bytes.NewReader(make([]byte, 1<<20))))(t)
	file := uploadstest.Must(s.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t).File.ID
	uploadstest.Read(t, s, file)
	uploadstest.Must(s.DeleteFile(t.Context(), file))(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	used := map[string]bool{"fchown": true} // only made as root, by SQLite
	for _, filter := range setting(t, "SystemCallFilter") {
		for set := range strings.FieldsSeq(strings.TrimPrefix(filter, "~")) {
			for _, call := range calls(t, set) {
				allowed[call] = !strings.HasPrefix(filter, "~")
			}
		}
	}
	var seen int
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`).FindAllStringSubmatch(string(uploadstest.Must(os.ReadFile(trace))(t)), -1) {
		if used[m[1]] {
			continue
		}
		used[m[1]] = true
		if seen++; !allowed[m[1]] {
			t.Errorf("%s is used, and not allowed", m[1])
		}
	}
	if seen < 20 {
		t.Errorf("only %d system calls were seen", seen)
	}
}

// calls are the members of a set, and of the sets in it.
func calls(t *testing.T, set string) (names []string) {
	t.Helper()
	if !strings.HasPrefix(set, "@") {
		return []string{set}
	}
	for line := range strings.Lines(analyze(t, "syscall-filter", set)) {
		switch name := strings.TrimSpace(line); {
		case name == "" || name == set || strings.HasPrefix(name, "#"):
		default:
			names = append(names, calls(t, name)...)
		}
	}
	return names
}

// The commands of the unit start a server, and wait until it can serve.
func TestUnitCommands(t *testing.T) {
	n := os.Getpid() << 2
	address := fmt.Sprintf("127.%d.%d.%d:8080", n>>16&0xff, n>>8&0xff, n&0xff) // nobody else's
	var env []string
	for _, values := range setting(t, "Environment") {
		for value := range strings.FieldsSeq(values) {
			env = append(env, strings.Replace(value, "/var/lib/uploadd", t.TempDir(), 1))
		}
	}
	env = append(env, "UPLOADD_LISTEN="+address, "UPLOADD_URL=http://"+address)
	line := func(name string) *exec.Cmd {
		args := strings.Fields(setting(t, name)[0])
		if args[0] != "/usr/local/bin/uploadd" {
			t.Fatalf("%s runs %s", name, args[0])
		}
		cmd := exec.Command(program.Path(), args[1:]...)
		cmd.Env = env
		return cmd
	}
	server := line("ExecStart")
	server.Stderr = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	if out, err := line("ExecStartPost").CombinedOutput(); err != nil {
		t.Errorf("waiting for the server: %v\n%s", err, out)
	}
}
