package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/upload.1 anew")

const manFile = "../../docs/upload.1"

// TestManPage: the page in docs is the one that the program prints.
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
}

// invoke runs the program in this process, without an environment.
func invoke(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &environment{t.Context(), strings.NewReader(""), &out, &errs, func(string) string { return "" }})
	return code, out.String(), errs.String()
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
