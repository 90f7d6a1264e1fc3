package house

import (
	"go/version"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// oldestGo has what is known to be needed of the standard library's fixes: those
// of os.Root (CVE-2026-27139, 1.26.1), and the last that govulncheck named for
// this program (GO-2026-6218, GO-2026-6090, GO-2026-5972, GO-2026-5026; 1.26.6).
const oldestGo = "go1.26.6"

var (
	goLine        = regexp.MustCompile(`(?m)^go (\S+)$`)
	toolchainLine = regexp.MustCompile(`(?m)^toolchain (\S+)$`)
	imageLine     = regexp.MustCompile(`(?m)^FROM --platform=\$BUILDPLATFORM golang:(\S+) `)
	usesLine      = regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(.*)$`)
	pinned        = regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// The go command refuses to build with a version older than the one in go.mod.
func TestGoVersion(t *testing.T) {
	toolchain := first(t, toolchainLine, "go.mod")
	for _, file := range []string{"go.mod", "tools.mod", "audit.mod"} {
		if v := "go" + first(t, goLine, file); version.Compare(v, oldestGo) < 0 {
			t.Errorf("%s is content with %s, and %s is needed", file, v, oldestGo)
		}
		if v := first(t, toolchainLine, file); v != toolchain {
			t.Errorf("%s names %s, and go.mod %s", file, v, toolchain)
		}
	}
	if v := "go" + first(t, imageLine, "Dockerfile"); v != toolchain {
		t.Errorf("the Dockerfile builds with %s, and go.mod names %s", v, toolchain)
	}
	if v := runtime.Version(); version.Compare(v, oldestGo) < 0 {
		t.Errorf("this is %s, and %s is needed", v, oldestGo)
	}
}

// Whoever can move a tag of an action cannot change what our CI runs.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("workflows: %q, %v", files, err)
	}
	for _, file := range files {
		for _, m := range usesLine.FindAllStringSubmatch(read(t, file), -1) {
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s: %q is not of the form owner/action@COMMIT # vX.Y.Z", file, m[1])
			}
		}
	}
}

func first(t *testing.T, pattern *regexp.Regexp, file string) string {
	t.Helper()
	m := pattern.FindStringSubmatch(read(t, filepath.Join("../..", file)))
	if m == nil {
		t.Fatalf("%s has no line %s", file, pattern)
	}
	return strings.TrimSpace(m[1])
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
