package hooks

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var fence = regexp.MustCompile("(?s)```(sh|js|go|python)\n(.*?)```")

// The receivers of docs/hooks.md are told what happens, and its commands do what they
// say, as printed but for the port.
func TestDocs(t *testing.T) {
	t.Parallel()
	text := string(uploadstest.Must(os.ReadFile("../../docs/hooks.md"))(t))
	blocks := map[string][]string{}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	if len(blocks["sh"]) != 2 {
		t.Fatalf("docs/hooks.md has %d blocks of commands, want 2", len(blocks["sh"]))
	}
	for language, run := range map[string]string{"js": "node receiver.mjs", "go": "go run receiver.go", "python": "python3 receiver.py"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			if len(blocks[language]) != 1 {
				t.Fatalf("docs/hooks.md has %d examples", len(blocks[language]))
			}
			testReceiver(t, blocks[language][0], run, blocks["sh"])
		})
	}
}

func testReceiver(t *testing.T, code, run string, commands []string) {
	// Below this directory, where the libraries are found.
	dir := uploadstest.Must(filepath.Abs(uploadstest.Must(os.MkdirTemp("node", "docs"))(t)))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	port := freePort(t)
	moved := func(text string) string { return strings.ReplaceAll(text, "8090", port) }
	if err := os.WriteFile(filepath.Join(dir, strings.Fields(run)[len(strings.Fields(run))-1]), []byte(moved(code)), 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	s := program.Start(t, program.Options{Data: data})
	env := append(os.Environ(), "UPLOADD_DATA="+data, "PATH="+filepath.Dir(program.Path())+":"+os.Getenv("PATH"))
	cmd := exec.Command("sh", "-euc", moved(commands[0])+"\nexec "+run)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, t.Output()
	cmd.SysProcAttr = ownGroup
	out := uploadstest.Must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	said := ""
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			mu.Lock()
			said += lines.Text() + "\n"
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		endGroup(cmd)
		<-read
		cmd.Wait()
	})
	says := func(what string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(said, what+"\n")
		}
	}
	eventually(t, "the receiver", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	u := complete(t, s)
	eventually(t, "a completion", says("upload.completed "+u.ID))
	uploadstest.Must(s.DeleteFile(t.Context(), u.File.ID))(t)
	eventually(t, "a deletion", says("file.deleted "+u.File.ID))
	id := listed(t, data).ID
	forge := exec.Command("curl", "-s", "-o", os.DevNull, "-w", "%{http_code}", "-d", "{}", "-H", "webhook-id: evt_1", "-H", "webhook-timestamp: 1",
		"-H", "webhook-signature: v1,AAAA", "http://127.0.0.1:"+port)
	if status, err := forge.Output(); err != nil || string(status) != "400" {
		t.Errorf("a forged event: %s, %v", status, err)
	}
	command(t, 0, "hooks", "test", id, "--data", data)
	end := exec.Command("sh", "-euc", commands[1])
	end.Env = env
	if out, err := end.CombinedOutput(); err != nil || !strings.Contains(string(out), "whsec_") || !strings.Contains(string(out), id+" is removed") {
		t.Errorf("%v: %s", err, out)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
