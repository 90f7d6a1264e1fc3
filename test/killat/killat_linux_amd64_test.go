package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Of three directories to be made, those in front of the K-th call are there.
func TestKilledInFrontOf(t *testing.T) {
	for k, code := range []int{0, 137, 137, 137, 0} {
		dir := t.TempDir()
		path := func(name string) string { return filepath.Join(dir, name) }
		got, err := run(fmt.Sprint(k), path("calls"), []string{"/bin/mkdir", path("a"), path("b"), path("c")})
		if err != nil || got != code {
			t.Errorf("K=%d: exit %d, %v, want %d", k, got, err, code)
		}
		calls, want := 3, "mkdir a\nmkdir b\nmkdir c\n"
		if code != 0 {
			calls, want = k-1, want[:k*len("mkdir a\n")]
		}
		if b, err := os.ReadFile(path("calls")); string(b) != want {
			t.Errorf("K=%d: counted %q, %v, want %q", k, b, err, want)
		}
		for i, name := range []string{"a", "b", "c"} {
			if _, err := os.Stat(path(name)); (err == nil) != (i < calls) {
				t.Errorf("K=%d: %s: %v", k, name, err)
			}
		}
	}
}

func TestProgramThatIsMissing(t *testing.T) {
	if _, err := run("1", filepath.Join(t.TempDir(), "calls"), []string{"/nonexistent"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
