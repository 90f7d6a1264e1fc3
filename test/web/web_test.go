// Package web drives the page in a real Chromium, against the built program.
package web

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"uploadd/test/program"
)

// mostMemory is what no process of the browser may come to, in bytes, whatever is sent
// or shown: it takes some 150 MiB by itself.
const mostMemory = 500 << 20

var shots = flag.String("shots", "", "a directory to keep a picture of each state of the page in")

func TestMain(m *testing.M) { program.Main(m) }

// walk runs a script in this directory, which walks through the page at url, with
// variables for it.
func walk(t *testing.T, script, url string, variables ...string) {
	t.Helper()
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatalf("%v: run 'make tools' first, which installs it", err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run 'make tools' first, which installs it", err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = append(append(os.Environ(), "PAGE_URL="+url, "CHROMIUM="+chromium, "SHOTS="+*shots), variables...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	memory := watchMemory(t, cmd.Process.Pid)
	err = cmd.Wait()
	peak, process := memory()
	if err != nil {
		t.Errorf("%s: %v\n%s", script, err, &out)
		return
	}
	t.Logf("%s\nthe largest process took %d MiB", &out, peak>>20)
	if peak > mostMemory {
		t.Errorf("%d MiB, and %d are the most: %.200s", peak>>20, mostMemory>>20, process)
	}
}

// makeKey makes a key beside a running server, or before there is one.
func makeKey(t *testing.T, data, project string, flags ...string) string {
	t.Helper()
	code, out := program.Run(t.Context(), append([]string{"keys", "create", "--data=" + data, "--project=" + project}, flags...)...)
	if code != 0 {
		t.Fatalf("keys create: exit %d\n%s", code, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
