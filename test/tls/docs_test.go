package tls

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var fence = regexp.MustCompile("(?s)```sh\n(.*?)```")

// The commands of docs/tls.md work as printed, apart from the address.
func TestDocs(t *testing.T) {
	t.Parallel()
	text := string(uploadstest.Must(os.ReadFile("../../docs/tls.md"))(t))
	var tried int
	for _, m := range fence.FindAllStringSubmatch(strings.ReplaceAll(text, "127.0.0.1", own(ofDocs)), -1) {
		script := m[1]
		if !strings.Contains(script, "curl") {
			continue // a server alone
		}
		tried++
		dir := t.TempDir()
		if err := os.Symlink(program.Path(), filepath.Join(dir, "uploadd")); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-euc", "trap 'kill $!; wait' EXIT\n"+script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "UPLOADD_LISTEN="+own(ofDocs)+":8080")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s\n%s", err, script, out)
		}
	}
	if tried != 2 {
		t.Errorf("%d scripts were tried, want 2", tried)
	}
}
