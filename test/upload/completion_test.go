package upload

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"uploadd/test/program"
)

// script writes the completion of a shell to a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Fatalf("this test needs %s: scripts/tools installs it (%v)", shell, err)
	}
	out, err := exec.Command(program.Command("upload"), "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shell runs a script that prints words, one a line.
func shell(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cmd.Dir, "big.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return strings.Fields(string(out))
}

func TestBashCompletion(t *testing.T) {
	t.Parallel()
	path := script(t, "bash")
	for line, want := range map[string]string{
		"upload st":                    "status",
		"upload --purp":                "--purpose",
		"upload --no-":                 "--no-resume --no-md5",
		"upload --purpose = b":         "batch", // as bash splits --purpose=b
		"upload --purpose b":           "batch",
		"upload send big --js":         "--json",
		"upload rm --old":              "--older-than",
		"upload rm --par":              "",
		"upload ls --purpose = ":       "fine-tune assistants batch user_data vision evals",
		"upload completion ":           "bash zsh fish",
		"upload get -":                 "-o --output -f --force --parallel -q --quiet --profile -h --help",
		"upload --filename = x":        "",
		"upload get --output = big":    "", // the shell's own completion of files
		"upload get --nonsense -o big": "",
	} {
		const ask = `source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _upload; printf '%s\n' "${COMPREPLY[@]}"`
		got := shell(t, append([]string{"bash", "-c", ask, "-", path}, strings.Split(line, " ")...)...)
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestFishCompletion(t *testing.T) {
	t.Parallel()
	path := script(t, "fish")
	for line, want := range map[string]string{
		"upload sta":          "status",
		"upload --purp":       "--purpose",
		"upload --purpose=b":  "--purpose=batch",
		"upload rm --old":     "--older-than",
		"upload completion z": "zsh",
		"upload big":          "big.jsonl",
		"upload rm big":       "",
		"upload get -o big":   "big.jsonl",
	} {
		// Each line is a candidate and what it is.
		got := shell(t, "fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string split -f1 \t; true`, path, line)
		if strings.TrimSuffix(strings.Join(got, " "), "=") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestZshCompletion types on a terminal, as there is no other way to ask zsh.
func TestZshCompletion(t *testing.T) {
	t.Parallel()
	z := startZsh(t, script(t, "zsh"))
	for typed, want := range map[string]string{
		"upload stat":          "upload status",
		"upload --purp":        "upload --purpose=",
		"upload --purpose=ba":  "upload --purpose=batch",
		"upload rm --old":      "upload rm --older-than=",
		"upload completion fi": "upload completion fish",
		"upload bi":            "upload big.jsonl",
		"upload rm bi":         "upload rm bi",
		"upload get -o bi":     "upload get -o big.jsonl",
		"upload send --js":     "upload send --json",
	} {
		if got := z.complete(typed); got != want {
			t.Errorf("%q becomes %q, want %q", typed, got, want)
		}
	}
}

// zsh is one that waits for a line.
type zsh struct {
	t    *testing.T
	tty  *os.File
	seen strings.Builder
}

func startZsh(t *testing.T, path string) *zsh {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, "zsh", "-f", "-i")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb", "HOME="+dir, "ZDOTDIR="+dir)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() // it was killed
		tty.Close()
	})
	z := &zsh{t: t, tty: tty}
	// The line is shown by a key of its own, as what is on the screen is full of
	// movements of the cursor.
	io.WriteString(tty, `PS1= RPS1= ; autoload -U compinit; compinit -D -u; source `+path+`
show() { print -r -- $'\n'"<<$BUFFER>>"; BUFFER= }
zle -N show; bindkey '^T' show; bindkey '^I' expand-or-complete; print ready''now`+"\n")
	z.until("readynow")
	return z
}

// complete types a line and a tab, and returns what the line is then.
func (z *zsh) complete(typed string) string {
	z.t.Helper()
	io.WriteString(z.tty, typed+"\t\x14")
	_, line, _ := strings.Cut(z.until(">>"), "<<")
	line, _, _ = strings.Cut(line, ">>")
	return strings.TrimSpace(line)
}

// until reads what it says up to end.
func (z *zsh) until(end string) string {
	z.t.Helper()
	for buf := make([]byte, 4096); !strings.Contains(z.seen.String(), end); {
		n, err := z.tty.Read(buf)
		z.seen.Write(buf[:n])
		if err != nil {
			z.t.Fatalf("zsh ended (%v) before it said %q:\n%s", err, end, z.seen.String())
		}
	}
	said := z.seen.String()
	z.seen.Reset()
	return said
}

// TestManPage: a man program has nothing to say against the page.
func TestManPage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Fatalf("this test needs mandoc: scripts/tools installs it (%v)", err)
	}
	cmd := exec.Command("mandoc", "-T", "lint", "-W", "error", "../../docs/upload.1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	out, err := exec.Command("mandoc", "-T", "ascii", "-O", "width=100", "../../docs/upload.1").Output()
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile(`.\x08`).ReplaceAllString(string(out), "") // bold is a letter printed twice
	for _, want := range []string{"--older-than=DURATION", "OPENAI_BASE_URL", "130", "config.json", "    upload rm file-abc file-def\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page:\n%s", want, page)
		}
	}
}
