package upload

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var docsFile = "../../docs/upload.md"

func docs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryFlagIsInTheDocs, and every command and exit code.
func TestEveryFlagIsInTheDocs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	text := docs(t)
	flags := regexp.MustCompile(`--[a-z][a-z0-9-]+`)
	for _, command := range []string{"send", "ls", "get", "rm", "status", "cancel", "completion", "man", "version"} {
		code, help, errs := m.run(command, "--help")
		if code != 0 {
			t.Fatalf("%s --help: exit %d, %s", command, code, errs)
		}
		for _, f := range flags.FindAllString(help, -1) {
			if !strings.Contains(text, f) {
				t.Errorf("%s %s is not in docs/upload.md", command, f)
			}
		}
		if !strings.Contains(text, "upload "+command) && !strings.Contains(text, "`"+command+"`") {
			t.Errorf("the command %s is not in docs/upload.md", command)
		}
	}
}
