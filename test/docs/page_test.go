package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// block is a fenced block of a page, or commands in a comment that a reader does not see.
type block struct {
	line    int // of the page, at which the text begins
	kind    string
	text    string
	comment string // "not run: …", "in the checkout" or "file: …", where one stands before it
}

// The kinds of blocks. Of other languages the test of what they are for takes care.
const (
	shell   = "sh"      // commands, which must succeed
	console = "console" // `$ command` with what it prints; … is anything
	unseen  = "unseen"  // commands that set the scene, or look at what came of the others
)

// others are the languages of blocks that are no commands for a shell. With the comment
// "file: PATH" they are what a reader puts into that file.
var others = []string{"js", "go", "python", "json", "yaml", "ini", "toml", "http", "sql", "nginx", "caddyfile", "haproxy", "text"}

const notRun, inCheckout, isFile = "not run: ", "in the checkout", "file: "

var comment = regexp.MustCompile(`^<!-- (not run: .+|in the checkout|file: \S+) -->$`)

// parse reads a page. What could be a command and would not be run is an error.
func parse(path string) (blocks []block, err error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(page), "\n")
	said := "" // the comment before the next block
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case line == "<!-- "+unseen:
			end := i + slices.Index(lines[i:], "-->")
			if end < i {
				return nil, fmt.Errorf("%s:%d: the comment does not end", path, i+1)
			}
			blocks = append(blocks, block{line: i + 2, kind: unseen, text: strings.Join(lines[i+1:end], "\n")})
			i = end
		case strings.HasPrefix(line, "```"):
			end := i + 1 + slices.Index(lines[i+1:], "```")
			if end <= i {
				return nil, fmt.Errorf("%s:%d: the block does not end", path, i+1)
			}
			b := block{line: i + 2, kind: line[3:], text: strings.Join(lines[i+1:end], "\n"), comment: said}
			if b.kind != shell && b.kind != console && !slices.Contains(others, b.kind) {
				return nil, fmt.Errorf("%s:%d: a block of %q: give it one of sh, console, %s", path, i+1, b.kind, strings.Join(others, ", "))
			}
			blocks, said, i = append(blocks, b), "", end
		case comment.MatchString(line):
			said = comment.FindStringSubmatch(line)[1]
		case said != "" && line != "":
			return nil, fmt.Errorf("%s:%d: <!-- %s --> stands before no block", path, i+1, said)
		case strings.HasPrefix(strings.TrimLeft(line, " >"), "```"):
			return nil, fmt.Errorf("%s:%d: a fence that is indented, which the site does not know", path, i+1)
		case i > 0 && lines[i-1] == "" && strings.HasPrefix(line, "    "):
			return nil, fmt.Errorf("%s:%d: an indented block, which nobody runs: make it a fenced one", path, i+1)
		}
	}
	return blocks, nil
}

// commands says whether the block is for a shell.
func (b block) commands() bool { return b.kind == shell || b.kind == console || b.kind == unseen }

// file is the path of the file that the block is; "" if it is none.
func (b block) file() string {
	path, ok := strings.CutPrefix(b.comment, isFile)
	if !ok {
		return ""
	}
	return path
}

// excused is why the block is not run; "" when it is.
func (b block) excused() string {
	reason, ok := strings.CutPrefix(b.comment, notRun)
	if !ok {
		return ""
	}
	return reason
}

// step is what the shell does at a time: a block, or a command of a console with what it
// should print.
type step struct {
	line     int
	text     string
	checkout bool   // it is for the directory of the sources
	expected string // "" for anything
	compared bool
}

// steps are those of a block.
func (b block) steps() (list []step) {
	if path := b.file(); path != "" {
		return []step{{line: b.line, text: fmt.Sprintf("mkdir -p %q\ncat >%q <<'END OF THE FILE'\n%s\nEND OF THE FILE", filepath.Dir(path), path, b.text)}}
	}
	if b.kind != console {
		return []step{{line: b.line, text: b.text, checkout: b.comment == inCheckout}}
	}
	continued := false
	for i, line := range strings.Split(b.text, "\n") {
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case begins:
			list = append(list, step{line: b.line + i, text: command, compared: true, checkout: b.comment == inCheckout})
		case len(list) == 0:
			list = append(list, step{line: b.line + i, text: "false # no command before this line"})
		case continued:
			list[len(list)-1].text += "\n" + line
		default:
			list[len(list)-1].expected += line + "\n"
		}
		continued = (begins || continued) && strings.HasSuffix(line, `\`)
	}
	return list
}

// matches says whether output is what the step should print.
func (s step) matches(output string) bool {
	pattern := regexp.QuoteMeta(strings.TrimSpace(s.expected))
	pattern = regexp.MustCompile(`(?m)^…$`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	output = strings.ReplaceAll(output, "\r\n", "\n") // of headers
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(strings.TrimSpace(output))
}
