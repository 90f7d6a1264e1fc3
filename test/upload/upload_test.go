// Package upload uses the command upload as people do: from scripts and on a
// terminal, against a running uploadd.
package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/rogpeppe/go-internal/testscript"

	"uploadd/client"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m, "upload") }

// TestScripts runs each script of testdata against a server of its own, at
// OPENAI_BASE_URL. Besides testscript's own commands they have those below.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("there are no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			runScript(t, testscript.Params{Files: []string{script}})
		})
	}
}

// runScript runs scripts that share a server.
func runScript(t *testing.T, p testscript.Params) {
	server := program.Start(t, program.Options{})
	p.RequireUniqueNames = true
	p.Setup = func(env *testscript.Env) error {
		for _, dir := range []string{"home", ".tmp"} {
			if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
				return err
			}
		}
		env.Setenv("PATH", filepath.Dir(program.Command("upload"))+string(os.PathListSeparator)+env.Getenv("PATH"))
		env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
		env.Setenv("OPENAI_BASE_URL", server.URL+"/v1")
		env.Setenv("OPENAI_API_KEY", "sk-any-key-of-the-test")
		return nil
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"exits":  exits,
		"random": random,
		"let":    let,
		"expand": expand,
		"names":  names,
	}
	testscript.Run(t, p)
}

// exits runs a command that must end with a given exit code: exits 2 upload.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// random makes a file of so many bytes: random big.bin 10MiB.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: random file size")
	}
	n, err := humanize.ParseBytes(args[1])
	ts.Check(err)
	data := make([]byte, n)
	rand.Read(data)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// let sets a variable to the only line of the last output: let ID stdout.
func let(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: let variable file")
	}
	line, ok := strings.CutSuffix(ts.ReadFile(args[1]), "\n")
	if !ok || strings.Contains(line, "\n") {
		ts.Fatalf("%s is not one line: %q", args[1], line)
	}
	ts.Setenv(args[0], line)
}

// expand replaces $SERVER in a file: expand config.json.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand file")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "$SERVER", ts.Getenv("SERVER"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// names prints the names that the server has for the ids in a file, or in the
// last output: names stdout.
func names(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: names file")
	}
	c, err := client.New(client.Config{BaseURL: ts.Getenv("OPENAI_BASE_URL"), Key: "any"})
	ts.Check(err)
	for _, id := range strings.Fields(ts.ReadFile(args[0])) {
		file, err := c.GetFile(context.Background(), id)
		ts.Check(err)
		fmt.Fprintln(ts.Stdout(), file.Filename)
	}
}
