package container

import (
	"bytes"
	"errors"
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
	return settings(t, unitFile, name)
}

func settings(t *testing.T, file, name string) (values []string) {
	t.Helper()
	text := string(uploadstest.Must(os.ReadFile(file))(t))
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

// systemd understands every line of the unit, by itself and with a socket, and finds
// little to say against it.
func TestUnit(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"uploadd.service", "uploadd.socket", "uploadd.service.d/socket.conf"} {
		text := uploadstest.Must(os.ReadFile(filepath.Join("../../deploy", name)))(t)
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/uploadd"), []byte(program.Path()))
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	unit := filepath.Join(dir, "uploadd.service")
	if out := analyze(t, "verify", unit, filepath.Join(dir, "uploadd.socket")); out != "" {
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
