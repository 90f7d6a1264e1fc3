package upload

import (
	"flag"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"uploadd/test/program"
)

var picture = flag.String("picture", "", "where to write the picture of a terminal that docs/upload.md shows")

// TestPicture is what the picture in docs/upload.md shows: commands typed at a
// shell, on a real terminal, to a real server. With -picture it is drawn anew:
//
//	go test ./test/upload -run Picture -args -picture ../../docs/upload.svg
func TestPicture(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("big.jsonl", 60<<20)
	m.write("notes.pdf", 3<<20)
	cmd := exec.Command("sh", "-i")
	cmd.Dir, cmd.Env = m.dir, append(m.command().Env, "PS1=$ ", "ENV=", "PATH="+filepath.Dir(program.Command("upload"))+":"+os.Getenv("PATH"))
	film := &film{began: time.Now()}
	s := startSession(t, cmd, 84, 16, film.take)
	prompt := func(n int) {
		s.wait(fmt.Sprintf("prompt %d", n), func(screen string) bool {
			return strings.HasSuffix(screen, "$") && strings.Count("\n"+screen, "\n$") == n
		})
	}
	prompt(1)
	s.typed("upload big.jsonl --part-size=4MiB --limit-rate=20MiB\n")
	s.until(`[5-8]\d%.*MiB/s`)
	s.typed("\x03")
	prompt(2)
	s.typed("upload big.jsonl notes.pdf --part-size=4MiB --limit-rate=20MiB\n")
	prompt(3)
	s.typed("upload ls\n")
	prompt(4)
	s.mu.Lock()
	s.changed = nil // the rest is for the shell alone
	s.mu.Unlock()
	s.typed("exit\n")
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if screen := s.screen(); !strings.Contains(screen, "the same command sends the rest") || !strings.Contains(screen, "were there") ||
		len(regexp.MustCompile(`(?m)^`+idLine).FindAllString(screen, -1)) != 4 {
		t.Errorf("the screen is\n%s", screen)
	}
	if *picture != "" {
		if err := os.WriteFile(*picture, []byte(film.svg(84, 16)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// film is what a terminal showed, and when.
type film struct {
	began  time.Time
	frames []frame
}

type frame struct {
	at    time.Duration
	lines []string
}

// take is called after each output.
func (f *film) take(e *emulator) {
	var lines []string
	for _, line := range e.lines[e.top():] {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	if n := len(f.frames); n > 0 && slices.Equal(f.frames[n-1].lines, lines) {
		return
	}
	f.frames = append(f.frames, frame{time.Since(f.began), lines})
}

// svg draws the film. Lines that several frames show are in it once.
func (f *film) svg(w, h int) string {
	const dx, dy, pad, rest = 8.4, 18, 12, 4 * time.Second
	var b, frames, keys strings.Builder
	width, height := float64(w)*dx+2*pad, h*dy+2*pad
	total := f.frames[len(f.frames)-1].at + rest
	known := map[string]int{}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d">
<title>upload on a terminal: interrupted, gone on with, listed</title>
<defs>
`, width, height, width, height)
	for i, frame := range f.frames {
		fmt.Fprintf(&keys, "%.2f%%{transform:translateY(%dpx)}\n", 100*float64(frame.at)/float64(total), -i*height)
		for row, line := range frame.lines {
			if line == "" {
				continue
			}
			if _, ok := known[line]; !ok {
				known[line] = len(known)
				fmt.Fprintf(&b, "<text id=\"l%d\" xml:space=\"preserve\">%s</text>\n", known[line], html.EscapeString(line))
			}
			fmt.Fprintf(&frames, "<use href=\"#l%d\" x=\"%d\" y=\"%d\"/>\n", known[line], pad, i*height+pad+(row+1)*dy-4)
		}
	}
	fmt.Fprintf(&b, `</defs>
<style>
text{font:14px/18px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#ddd}
#film{transform:translateY(%dpx);animation:film %.1fs steps(1,end) infinite}
@media (prefers-reduced-motion:reduce){#film{animation:none}}
@keyframes film{
%s}
</style>
<rect width="100%%" height="100%%" rx="6" fill="#1b1b1b"/>
<g id="film">
%s</g>
</svg>
`, -(len(f.frames)-1)*height, total.Seconds(), keys.String(), frames.String())
	return b.String()
}
