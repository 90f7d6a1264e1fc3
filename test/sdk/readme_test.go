package sdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

var fence = regexp.MustCompile("(?s)```(js|go)\n(.*?)```")

// The README's first uploads by SDKs work as printed, apart from the address; test/docs
// runs its commands. (Python's does not run here: the SDK cannot be installed where
// these tests run.)
func TestREADME(t *testing.T) {
	readme := string(uploadstest.Must(os.ReadFile("../../README.md"))(t))
	url := serve(t)
	ran := map[string]bool{}
	for _, m := range fence.FindAllStringSubmatch(readme, -1) {
		language, code := m[1], strings.ReplaceAll(m[2], "http://127.0.0.1:8080", url)
		t.Run(language, func(t *testing.T) {
			ran[language] = true
			// Below this directory, where the SDKs are found.
			dir := uploadstest.Must(os.MkdirTemp("node", "readme"))(t)
			t.Cleanup(func() { os.RemoveAll(dir) })
			file := map[string]string{"js": "a.mjs", "go": "main.go"}[language]
			command := map[string][]string{"js": {"node"}, "go": {"go", "run"}}[language]
			for name, content := range map[string]string{file: code, "hello.txt": "hello, world\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(command[0], append(command[1:], file)...)
			cmd.Dir = dir
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || strings.TrimSpace(string(out)) != "hello, world" {
				t.Errorf("%v:\n%s%s", err, out, &stderr)
			}
		})
	}
	for _, language := range []string{"js", "go"} {
		if !ran[language] {
			t.Errorf("the README has no example in %s", language)
		}
	}
}
