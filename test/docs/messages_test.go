package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// speakers are the packages whose messages people get to read, and the functions that
// make them: with the place of the text among their arguments. One that begins with a
// dot is a method.
var speakers = []struct {
	dir, function string
	argument      int
}{
	{"api", "Errorf", 2},
	{"internal/server", "api.Errorf", 2},
	{"internal/access", "api.Errorf", 2},
	{"internal/uploads", "api.Errorf", 2},
	{"cmd/uploadd", "fmt.Errorf", 0},
	{"cmd/uploadd", "errors.New", 0},
	{"internal/access", "fmt.Errorf", 0},
	{"internal/certs", "fmt.Errorf", 0},
	{"internal/meta", "fmt.Errorf", 0},
	{"internal/meta", "errors.New", 0},
	{"internal/blob", "fmt.Errorf", 0},
	{"internal/blob", "errors.New", 0},
	{"internal/uploads", "fmt.Errorf", 0},
	{"internal/uploads", "errors.New", 0},
	{"cmd/uploadd", ".Warn", 0},
	{"cmd/uploadd", ".Error", 0},
	{"internal/server", ".Warn", 0},
	{"internal/server", ".Error", 0},
	{"internal/uploads", ".Warn", 0},
	{"internal/uploads", ".Error", 0},
	{"internal/certs", ".Error", 0},
}

// fewest is how many words of its own a message has; with fewer it only says where
// another one comes from.
const fewest = 3

var verb = regexp.MustCompile(`%[-+# 0]*[\d.]*[a-zA-Z]`)

// TestMessages: docs/troubleshooting.md has every message of the program, with … for what
// differs.
func TestMessages(t *testing.T) {
	page := spaces(string(uploadstest.Must(os.ReadFile(filepath.Join(repository, "docs", "troubleshooting.md")))(t)))
	found := 0
	for _, s := range speakers {
		for _, message := range messages(t, s.dir, s.function, s.argument) {
			if words := regexp.MustCompile(`[a-zA-Z]{2,}`).FindAllString(strings.ReplaceAll(message, "…", ""), -1); len(words) < fewest {
				continue
			}
			if found++; !strings.Contains(page, "`"+spaces(message)+"`") {
				t.Errorf("docs/troubleshooting.md does not have (%s): %s", s.dir, message)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d messages were found in the sources", found)
	}
}

func spaces(text string) string { return strings.Join(strings.Fields(text), " ") }

// messages are the texts that a function is called with in a package, outside of tests.
func messages(t *testing.T, dir, function string, argument int) (list []string) {
	t.Helper()
	for _, path := range uploadstest.Must(filepath.Glob(filepath.Join(repository, dir, "*.go")))(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file := uploadstest.Must(parser.ParseFile(token.NewFileSet(), path, nil, 0))(t)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !called(call.Fun, function) || len(call.Args) <= argument {
				return true
			}
			if text, ok := literal(call.Args[argument]); ok {
				list = append(list, strings.ReplaceAll(verb.ReplaceAllString(text, "…"), "%%", "%"))
			}
			return true
		})
	}
	return list
}

// called says whether e is the function, or a method of that name.
func called(e ast.Expr, function string) bool {
	if strings.HasPrefix(function, ".") {
		return strings.HasSuffix(name(e), function)
	}
	return name(e) == function
}

// name is that of a function, with its package where it has one.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}

// literal is the text of a constant that is written where it is used.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, also := literal(e.Y)
		return left + right, ok && also
	}
	return "", false
}
