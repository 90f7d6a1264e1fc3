package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// What each key sees and may do; and that the page gives no key to a log.
func TestKeys(t *testing.T) {
	t.Parallel()
	dir, logs := t.TempDir(), filepath.Join(t.TempDir(), "log")
	keys := map[string]string{
		"TEAM":   makeKey(t, dir, "team"),
		"OTHER":  makeKey(t, dir, "other"),
		"READER": makeKey(t, dir, "team", "--scope=read"),
		"HANDER": makeKey(t, dir, "team", "--scope=upload"),
		"SMALL":  makeKey(t, dir, "other", "--max-bytes=1000B"),
		"SLOW":   makeKey(t, dir, "other", "--max-requests=6"),
	}
	log := uploadstest.Must(os.Create(logs))(t)
	defer log.Close()
	s := program.Start(t, program.Options{Data: dir, Stderr: log, Flags: []string{"--quiet=false"}})
	var variables []string
	for variable, key := range keys {
		variables = append(variables, variable+"="+key)
	}
	walk(t, "keys.mjs", s.URL+"/", variables...)

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	program.Check(t, dir)
	lines := string(uploadstest.Must(os.ReadFile(logs))(t))
	if !strings.Contains(lines, "/assets/main.js") {
		t.Errorf("the log does not show the page:\n%s", lines)
	}
	for variable, key := range keys {
		if strings.Contains(lines, key[30:]) {
			t.Errorf("the log shows the key %s", variable)
		}
	}
}
