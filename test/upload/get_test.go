package upload

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var kills = flag.Int("kills", 10, "how often a download is killed")

// TestGetKilled: a download that is killed again and again leaves no file by its
// name that is not whole, and comes to its end.
func TestGetKilled(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	data := m.write("big.bin", 40<<20)
	code, id, errs := m.run("big.bin", "--quiet")
	if code != 0 {
		t.Fatal(errs)
	}
	id = strings.TrimSpace(id)
	back, killed, wentOn := filepath.Join(m.dir, "back.bin"), 0, 0
	for killed < *kills {
		cmd := m.command("get", id, "-o", "back.bin", "--parallel=2")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(rand.N(60*time.Millisecond), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if strings.Contains(said.String(), "from an earlier run") {
			wentOn++
		}
		got, there := os.ReadFile(back)
		switch {
		case there == nil && !bytes.Equal(got, data):
			t.Fatalf("killed %d times, it has left %d other bytes under the file's name", killed, len(got))
		case there == nil:
			if err := os.Remove(back); err != nil {
				t.Fatal(err)
			}
		case err == nil:
			t.Fatalf("it says that it is there: %s", said.String())
		}
		if err != nil {
			killed++
		}
	}
	if code, _, errs := m.run("get", id, "-o", "back.bin"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	got, err := os.ReadFile(back)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d other bytes: %v", len(got), err)
	}
	if left, err := filepath.Glob(filepath.Join(m.dir, "back.bin*")); err != nil || len(left) != 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
	t.Logf("killed %d times, went on %d times", killed, wentOn)
}
