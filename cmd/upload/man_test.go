package main

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/upload.1 anew")

const manFile = "../../docs/upload.1"

// TestManPage: the page in docs is the one that the program prints, and a man
// program has nothing to say against it.
func TestManPage(t *testing.T) {
	code, page, errs := invoke(t, "man")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if *update {
		if err := os.WriteFile(manFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := os.ReadFile(manFile); err != nil || string(there) != page {
		t.Errorf("docs/upload.1 is not up to date: go test ./cmd/upload -run TestManPage -update (%v)", err)
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Fatalf("this test needs mandoc: scripts/tools installs it (%v)", err)
	}
	cmd := exec.Command("mandoc", "-T", "lint", "-W", "error")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	cmd = exec.Command("mandoc", "-T", "ascii", "-O", "width=100")
	cmd.Stdin = strings.NewReader(page)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("\b", "").Replace(string(out))
	for _, want := range []string{"--older-than", "OPENAI_BASE_URL", "130", "config.json"} {
		if !strings.Contains(plain(string(out)), want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
}

// plain takes the overstriking out that makes letters bold.
func plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+1 < len(s) && s[i+1] == '\b' {
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// TestEverythingIsDescribed: no command, flag or argument without words.
func TestEverythingIsDescribed(t *testing.T) {
	app, err := newParser(&cli{}, &environment{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range visible(app) {
		if c.Help == "" {
			t.Errorf("%s has no help", c.Name)
		}
		for _, f := range c.Flags {
			if f.Help == "" || !f.IsBool() && f.PlaceHolder == "" {
				t.Errorf("%s --%s is not described", c.Name, f.Name)
			}
		}
		for _, p := range c.Positional {
			if p.Help == "" {
				t.Errorf("%s %s is not described", c.Name, p.Name)
			}
		}
	}
}
