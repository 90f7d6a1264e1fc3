package upload

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/openaifake"
	"uploadd/test/program"
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

// TestDocs runs every command of docs/upload.md, one block behind the other in
// one shell, against servers of its own.
func TestDocs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	azure := openaifake.NewAzure(t, "any", "2024-10-21")
	m.write("big.jsonl", 3<<20)
	if err := os.Mkdir(filepath.Join(m.dir, "papers"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.write("papers/a.pdf", 2000)
	m.write("papers/b.pdf", 3000)
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -euxo pipefail\nprintf dump | gzip > dump.gz\n")
	blocks := regexp.MustCompile("(?s)```sh( in the checkout)?\n(.*?)```").FindAllStringSubmatch(docs(t), -1)
	if len(blocks) < 10 {
		t.Fatalf("only %d blocks of commands were found", len(blocks))
	}
	for _, b := range blocks {
		if b[1] != "" {
			script.WriteString("(cd '" + repository + "'\n" + b[2] + ")\n")
		} else {
			script.WriteString(b[2])
		}
	}
	text := strings.NewReplacer("http://127.0.0.1:8080", m.server.URL, "https://name.openai.azure.com", azure.URL).Replace(script.String())
	cmd := exec.Command("bash", "-c", text)
	cmd.Dir = m.dir
	cmd.Env = append(m.command().Env, "GOBIN="+filepath.Join(m.dir, "bin"), "OPENAI_BASE_URL=", "OPENAI_API_KEY=",
		"HOME="+m.dir, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOPATH="+goEnv(t, "GOPATH"),
		"PATH="+filepath.Dir(program.Command("upload"))+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "bin", "upload")); err != nil {
		t.Errorf("go install: %v", err)
	}
	if n := len(azure.Contents()); n != 1 {
		t.Errorf("%d files were sent to Azure", n)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
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
