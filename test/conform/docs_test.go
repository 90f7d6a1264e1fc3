package conform

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"uploadd/internal/conform"
	"uploadd/test/program"
)

const docsFile = "../../docs/conform.md"

var listed = regexp.MustCompile(`(?s)<!-- checks -->\n.*<!-- end -->`)

// TestDocsList holds the list of checks in the docs to the checks. With UPDATE=1 in the
// environment it writes it.
func TestDocsList(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("<!-- checks -->\n")
	group := ""
	for _, c := range conform.Checks() {
		if c.Group() != group {
			group = c.Group()
			fmt.Fprintf(&b, "\n### %s\n\n| check | severity | what must hold |\n| --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s ([%s](%s)) |\n", c.ID, c.Severity, c.Holds, c.Source.Basis, link(c.Source.URL))
	}
	b.WriteString("\n<!-- end -->")
	text := string(must(os.ReadFile(docsFile)))
	if !listed.MatchString(text) {
		t.Fatal("there is no place for the list")
	}
	want := listed.ReplaceAllLiteralString(text, b.String())
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(docsFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if want != text {
		t.Error("the list is not that of the checks: run this test with UPDATE=1")
	}
}

// link is a URL as Markdown takes it; that of a file of this repository is seen from docs/.
func link(url string) string {
	if !strings.Contains(url, "://") {
		url = "../" + url
	}
	return strings.NewReplacer("(", "%28", ")", "%29").Replace(url)
}

// TestDocsFlags wants every flag in the docs.
func TestDocsFlags(t *testing.T) {
	t.Parallel()
	code, help := program.Run(t.Context(), "conform", "--help")
	flags := regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(help, -1)
	if code != 0 || len(flags) < 10 {
		t.Fatalf("--help: exit %d\n%s", code, help)
	}
	text := string(must(os.ReadFile(docsFile)))
	for _, f := range flags {
		if f != "--help" && f != "--config" && !strings.Contains(text, f) {
			t.Errorf("%s is not in the docs", f)
		}
	}
}
