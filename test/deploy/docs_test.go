package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
	"uploadd/test/program"
)

var fence = regexp.MustCompile("(?s)```sh\n(.*?)```")

// The commands of docs/deploy.md work as printed, apart from the addresses: two nodes
// that share what they keep, a back-up of it, and the check of what was restored.
func TestDocs(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	records, restored, blobs, dir := server.Database(), server.Database(), filepath.Join(t.TempDir(), "blobs"), t.TempDir()
	if err := os.Symlink(program.Path(), filepath.Join(dir, "uploadd")); err != nil {
		t.Fatal(err)
	}
	n := os.Getpid() << 2
	text := strings.NewReplacer("127.0.0.1:808", fmt.Sprintf("127.%d.%d.%d:808", n>>16&0xff, n>>8&0xff, n&0xff), // nobody else's
		"postgres://uploadd@db.example.com/uploadd", "'"+records+"'", "/mnt/uploadd", blobs).
		Replace(string(uploadstest.Must(os.ReadFile("../../docs/deploy.md"))(t)))
	scripts := fence.FindAllStringSubmatch(text, -1)
	if len(scripts) != 3 {
		t.Errorf("%d scripts, want 3", len(scripts))
	}
	for _, m := range scripts {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", "trap 'kill $(jobs -p) 2>/dev/null || :; wait' EXIT\n"+m[1])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"),
			"UPLOADD_META="+records, "UPLOADD_BLOBS="+blobs, "RESTORED="+restored, "UPLOADD_QUIET=true")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v:\n%s\n%s", err, m[1], out)
		}
		if strings.Contains(m[1], "uploadd check") && !regexp.MustCompile(`\b1 files?\b.*: 0 faults`).Match(out) {
			t.Errorf("check says %s", out)
		}
	}
}
