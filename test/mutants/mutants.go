// Package mutants shows that the tests notice mistakes. It plants known ones in
// the product, one at a time, and says which test failed. The mistakes are those
// that systems of this kind have made, and those that would be easy to make here.
//
// No file of the tree is changed: the go command is given a changed copy with
// -overlay, in GOFLAGS, so that the programs which tests build have it too.
package mutants

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is one mistake.
type mutant struct {
	name  string
	rule  string // what it breaks: the invariant, race or known accident, by its short name
	file  string // from the root of the module
	old   string // occurs once in the file
	new   string
	tests []string // the packages whose tests may notice, the quickest first
}

// all is every mutant, in the order of the way of a byte.
func all() (list []mutant) {
	for _, l := range [][]mutant{inBlob, inS3, inMeta, inUploads, inCompletion, inServer, inFormdata, inAccess, inAccounts, inCerts, inHooks, inHostile, inProgram} {
		list = append(list, l...)
	}
	return list
}

// apply returns the file with the mistake in it.
func (m *mutant) apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: the text to replace occurs %d times in %s, and should once", m.name, n, m.file)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// catch is the test that noticed a mutant; its zero value is none.
type catch struct{ pkg, test string }

// plant runs the mutant's tests until one fails. Its error says that the mutant
// is none: it does not apply, or does not compile.
func (m *mutant) plant(ctx context.Context, root, dir string) (c catch, err error) {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return c, err
	}
	for _, pkg := range m.tests {
		test, err := failing(ctx, root, overlay, pkg)
		if err != nil {
			return c, fmt.Errorf("%s: %s: %w", m.name, pkg, err)
		}
		if test != "" {
			return catch{pkg, test}, nil
		}
	}
	return c, nil
}

// overlay writes the changed file, and what tells the go command of it, to dir.
func (m *mutant) overlay(root, dir string) (path string, err error) {
	text, err := m.apply(root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): changed}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// event is a line of `go test -json`.
type event struct {
	Action string
	Test   string
	Output string
}

// failing runs the tests of a package and returns the first that fails, "" for
// none. A build that fails and a package that runs out of time are errors: they
// prove nothing about the tests.
func failing(ctx context.Context, root, overlay, pkg string) (test string, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-short", "-failfast", "-vet=off", "-timeout=3m", "./"+pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
	out, runErr := cmd.CombinedOutput()
	var said strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			said.WriteString(lines.Text() + "\n") // of the go command itself
			continue
		}
		if e.Action == "build-fail" || strings.HasPrefix(e.Output, "panic: test timed out") {
			return "", fmt.Errorf("%s%s", said.String(), e.Output)
		}
		if e.Action == "fail" && e.Test != "" && test == "" {
			test = e.Test
		}
		said.WriteString(e.Output)
	}
	if runErr != nil && test == "" {
		return "", errors.Join(runErr, errors.New(said.String()))
	}
	return test, lines.Err()
}
