// Package mutants shows the teeth of the other tests: it plants known mistakes in
// the product, one at a time, and sees which test notices. Nothing in the tree is
// changed: the compiler is given another text for one file.
package mutants

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	plant = flag.Int("plant", 2, "how many mistakes are planted for real; -1 for all")
	only  = flag.String("only", "", "plant those whose name contains this")
)

// Every mistake is still one that could be made: its place is in the code.
func TestListIsCurrent(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are named %q", m.name)
		}
		names[m.name] = true
		text, err := m.apply()
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		} else if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

// Every mistake that is planted is caught.
func TestMutants(t *testing.T) {
	var chosen []mutant
	for _, i := range rand.New(rand.NewPCG(7, 7)).Perm(len(mutants)) {
		if strings.Contains(mutants[i].name, *only) && (*plant < 0 || *only != "" || len(chosen) < *plant) {
			chosen = append(chosen, mutants[i])
		}
	}
	began := time.Now()
	var mu sync.Mutex
	caught := 0
	workers := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for _, m := range chosen {
		wg.Go(func() {
			workers <- struct{}{}
			defer func() { <-workers }()
			began := time.Now()
			by, err := m.plant(t)
			mu.Lock()
			defer mu.Unlock()
			switch took := time.Since(began).Round(time.Second); {
			case err != nil:
				t.Errorf("%-50s could not be planted: %v", m.name, err)
			case by == "":
				t.Errorf("%-50s SURVIVED %s", m.name, m.tests)
			default:
				caught++
				t.Logf("%-50s caught by %s (%s)", m.name, by, took)
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d mistakes caught in %s", caught, len(chosen), time.Since(began).Round(time.Second))
}

const root = "../.."

// apply returns the file with the mistake in it.
func (m mutant) apply() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s has its place %d times, want once", m.file, n)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// plant runs the tests with the mistake in place, and names the first that fails.
func (m mutant) plant(t *testing.T) (by string, err error) {
	text, err := m.apply()
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	dir := t.TempDir()
	mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	if err == nil {
		err = errors.Join(os.WriteFile(mutated, text, 0o600), os.WriteFile(overlay, list, 0o600))
	}
	if err != nil {
		return "", err
	}
	for _, pkg := range strings.Fields(m.tests) {
		if by, err = failing(t.Context(), overlay, pkg); by != "" || err != nil {
			return by, err
		}
	}
	return "", nil
}

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// failing runs a package's tests and names one that fails, "" if none does.
func failing(ctx context.Context, overlay, pkg string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-failfast", "-vet=off", "-timeout=5m", "./"+pkg)
	cmd.Dir = root
	// In the environment, so that programs which the tests build have it too.
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", err
	}
	var test string
	var output bytes.Buffer
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		output.WriteString(e.Output)
		if e.Action == "build-fail" {
			return "", fmt.Errorf("it does not compile:\n%s", out)
		}
		if e.Action == "fail" && len(e.Test) > len(test) {
			test = e.Test
		}
	}
	switch {
	case err == nil:
		return "", nil
	case test != "":
		return pkg + "." + test, nil
	case bytes.Contains(output.Bytes(), []byte("panic: ")):
		return pkg + ", by a panic", nil
	}
	return "", fmt.Errorf("the tests could not run:\n%s", output.String())
}
