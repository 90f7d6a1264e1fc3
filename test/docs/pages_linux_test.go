// Package docs runs every command of the README and of docs/ as it is printed, and holds
// the pages against the program: its addresses, flags and messages.
package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// Variables of a process that runs one page.
const (
	pageVariable = "UPLOADD_DOCS_PAGE" // its path
	binVariable  = "UPLOADD_DOCS_BIN"  // where the built programs are
	rootVariable = "UPLOADD_DOCS_ROOT" // a directory to mount its root in
)

const repository = "../.."

// languages are those of programs, which other tests run from these pages.
var (
	languages = []string{"js", "go", "python"}
	runBy     = map[string]string{"README.md": "test/sdk", "hooks.md": "test/hooks"}
)

func TestMain(m *testing.M) {
	if os.Getenv(pageVariable) != "" {
		os.Exit(m.Run())
	}
	program.Main(m, "upload")
}

// pages are the paths of all pages.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{filepath.Join(repository, "README.md")}
	err := filepath.WalkDir(filepath.Join(repository, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			list = append(list, path)
		}
		return err
	})
	check(t, err)
	return list
}

// TestPages runs the commands of each page in a world of its own, in the order of the
// page and in one shell. What is not run is counted, and has its reason.
func TestPages(t *testing.T) {
	if page := os.Getenv(pageVariable); page != "" {
		root := enter(t)
		runPage(t, root, page)
		if proxy, ok := proxies[filepath.Base(page)]; ok && !t.Failed() {
			proxy.prove(t, root)
		}
		return
	}
	if os.Getuid() != 0 {
		t.Fatal("every page has a network of its own, which only root can make: run this as root")
	}
	var ran, left int
	for _, page := range pages(t) {
		blocks := uploadstest.Must(parse(page))(t)
		runs := false
		for _, b := range blocks {
			switch reason := b.excused(); {
			case slices.Contains(languages, b.kind) && reason == "" && runBy[filepath.Base(page)] == "":
				t.Errorf("%s:%d: %s that nobody runs", page, b.line, b.kind)
			case !b.commands() || b.kind == unseen:
				continue
			case reason != "":
				left++
				t.Logf("%s:%d is not run: %s", page, b.line, reason)
			default:
				ran, runs = ran+1, true
			}
		}
		if runs {
			t.Run(strings.TrimPrefix(page, repository+"/"), func(t *testing.T) {
				t.Parallel()
				runApart(t, page)
			})
		}
	}
	t.Logf("%d blocks of commands are run, %d are not", ran, left)
	if left*8 > ran+left {
		t.Errorf("%d blocks of commands are not run, which is more than an eighth of all", left)
	}
}

// runApart runs this test again, for one page.
func runApart(t *testing.T, page string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPages$", "-test.timeout=5m", "-mib="+strconv.FormatInt(*mib, 10))
	cmd.Env = append(os.Environ(), pageVariable+"="+page, binVariable+"="+filepath.Dir(program.Path()), rootVariable+"="+t.TempDir())
	apart(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// prelude is what the shell of every page begins with. A server that a page runs in the
// foreground goes on while the next commands are run, as if those were typed in another
// terminal; the next one in the foreground ends it, as Ctrl-C would.
const prelude = `set -eu -o pipefail
foreground() {
	if [ -n "${served-}" ]; then kill "$served"; wait "$served" || true; served=; fi
	: >"$NOTES/served" # what the one before has said
	"$@" >>"$NOTES/served" 2>&1 &
	served=$!
	until grep -q '^uploadd listens on ' "$NOTES/served"; do
		if ! kill -0 $served 2>/dev/null; then cat "$NOTES/served"; wait $served; return; fi
		sleep 0.05
	done
}
server() {
	if [ $BASHPID = $$ ]; then foreground "$@"; else exec "$@"; fi
}
uploadd() {
	if [ "${1-}" = serve ]; then server "$UPLOADD" "$@"; else "$UPLOADD" "$@"; fi
}
sudo() { "$@"; }
go() {
	if [ "$*" = "run ./cmd/uploadd serve" ]; then "$GO" build -o "$NOTES/run" ./cmd/uploadd && server "$NOTES/run" serve; else "$GO" "$@"; fi
}
`

// pageDir is the directory of the page's shell, below its root.
const pageDir = "/srv/page"

// runPage runs the commands of a page below root, in a new directory.
func runPage(t *testing.T, root, page string) {
	t.Helper()
	text := string(uploadstest.Must(os.ReadFile(page))(t))
	var steps []step
	for _, b := range uploadstest.Must(parse(page))(t) {
		if b.file() != "" || b.commands() && b.excused() == "" {
			steps = append(steps, b.steps()...)
		}
	}
	notes := t.TempDir()
	var copySources sync.Once
	var script strings.Builder
	script.WriteString(prelude)
	for i, s := range steps {
		name := filepath.Join(notes, strconv.Itoa(i))
		check(t, os.WriteFile(name+".sh", []byte(s.text+"\n"), 0o600))
		fmt.Fprintf(&script, "echo %d >%s/step\n", i, notes)
		run := fmt.Sprintf(". %s.sh >%s.out 2>&1", name, name)
		if s.checkout {
			copySources.Do(func() { checkout(t, filepath.Join(root, sources)) })
			run = fmt.Sprintf("cd %s; %s; cd - >/dev/null", sources, run)
		}
		if s.compared && s.expected != "" {
			run += " || true" // it is what it prints that counts
		}
		script.WriteString(run + "\n")
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = pageDir
	check(t, os.Mkdir(filepath.Join(root, pageDir), 0o700))
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	added := services(t, text)
	cmd.Env = append(environment(t, notes), added...)
	said, err := cmd.CombinedOutput()
	at := len(steps)
	if err != nil {
		number := strings.TrimSpace(string(uploadstest.Must(os.ReadFile(filepath.Join(notes, "step")))(t)))
		at = uploadstest.Must(strconv.Atoi(number))(t)
	}
	for i, s := range steps[:min(at+1, len(steps))] {
		out, readErr := os.ReadFile(filepath.Join(notes, strconv.Itoa(i)+".out"))
		if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
			t.Fatal(readErr)
		}
		switch {
		case i == at:
			served, _ := os.ReadFile(filepath.Join(notes, "served"))
			t.Errorf("%s:%d: %v\n%s\nprints\n%s%s\nand the server\n%s", page, s.line, err, s.text, out, said, served[max(0, len(served)-2000):])
		case s.compared && !s.matches(string(out)):
			t.Errorf("%s:%d: %s\nprints\n%s\nand not\n%s", page, s.line, s.text, out, s.expected)
		}
	}
}

// environment is that of a page's shell: a home of its own, and the built programs.
func environment(t *testing.T, notes string) []string {
	t.Helper()
	bin := os.Getenv(binVariable)
	path := []string{bin}
	// Programs of PostgreSQL that are as old as its server, and not as old as another.
	if versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(versions) > 0 {
		path = append(path, versions[len(versions)-1])
	}
	env := []string{"NOTES=" + notes, "UPLOADD=" + filepath.Join(bin, "uploadd"), "GO=" + uploadstest.Must(exec.LookPath("go"))(t),
		"HOME=" + pageDir, "PATH=" + strings.Join(append(path, os.Getenv("PATH")), ":")}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		env = append(env, name+"="+goEnv(t, name))
	}
	kept := regexp.MustCompile(`^(AWS_|LANG|LC_|TMPDIR|GOFLAGS|GOPROXY|GOTOOLCHAIN)`)
	for _, variable := range os.Environ() {
		if kept.MatchString(variable) {
			env = append(env, variable)
		}
	}
	return env
}

// sources is where the page's shell has a copy of them: always there, so that what was
// compiled once need not be again.
const sources = "/srv/uploadd"

// checkout copies the sources, for commands that are run among them.
func checkout(t *testing.T, dir string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	cmd := exec.Command("sh", "-c", `git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$1"`, "sh", dir)
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copying the sources: %v\n%s", err, out)
	}
}
