// Package sdk runs the official SDKs, unmodified, against the built program.
package sdk

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// program is uploadd, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uploadd-sdk")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "uploadd")
		build := exec.Command("go", "build", "-o", program, "../../cmd/uploadd")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

var firstLine = regexp.MustCompile(`^uploadd listens on (http://[^/]+)/v1 `)

// serve starts a server of the test's own and returns its URL, without /v1.
func serve(t testing.TB) string {
	t.Helper()
	cmd := exec.Command(program, "serve", "--listen=127.0.0.1:0", "--data="+t.TempDir(), "--quiet")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	m := firstLine.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the server's first line is %q", line)
	}
	return m[1]
}
