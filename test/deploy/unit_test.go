package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// systemd understands the unit with what nodes that share their stores add to it.
func TestUnit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"uploadd.service", "uploadd.service.d/shared.conf"} {
		text := uploadstest.Must(os.ReadFile(filepath.Join("../../deploy", name)))(t)
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/uploadd"), []byte(program.Path()))
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", filepath.Join(dir, "uploadd.service")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify (of Debian's package systemd): %v\n%s", err, out)
	}
}
