package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

var heading = regexp.MustCompile(`(?m)^### (GET|HEAD|POST|PUT|PATCH|DELETE) (/\S+)( \(extension\))?$`)

// TestAPI: docs/api.md has every operation, status and code of the API's description, and
// no other operation, and says which are extensions.
func TestAPI(t *testing.T) {
	page := string(uploadstest.Must(os.ReadFile(filepath.Join(repository, "docs", "api.md")))(t))
	var description struct {
		Paths map[string]map[string]json.RawMessage
	}
	check(t, json.Unmarshal(api.OpenAPI(), &description))
	want := map[string]bool{} // headings
	for path, operations := range description.Paths {
		if operations["servers"] != nil { // it is of the server, and no part of the API
			if !strings.Contains(page, "\n| `GET "+path+"` |") {
				t.Errorf("docs/api.md does not have GET %s", path)
			}
			continue
		}
		for method, raw := range operations {
			if method == "parameters" {
				continue
			}
			var operation struct {
				Responses map[string]any
				Extension bool `json:"x-uploadd-extension"`
			}
			check(t, json.Unmarshal(raw, &operation))
			line := "### " + strings.ToUpper(method) + " /v1" + path
			if operation.Extension {
				line += " (extension)"
			}
			want[line] = true
			for status := range operation.Responses {
				if !strings.HasPrefix(status, "2") && !strings.Contains(page, "\n| "+status+" |") {
					t.Errorf("docs/api.md has no row for the status %s of %s", status, line)
				}
			}
		}
	}
	var got []string
	for _, m := range heading.FindAllString(page, -1) {
		if got = append(got, m); !want[m] {
			t.Errorf("docs/api.md has %q, and the description has not", m)
		}
	}
	for line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/api.md does not have %q", line)
		}
	}
	source := string(uploadstest.Must(os.ReadFile(filepath.Join(repository, "api", "error.go")))(t))
	codes := regexp.MustCompile(`\bCode\w+\s*= "(\w+)"`).FindAllStringSubmatch(source, -1)
	if len(codes) < 10 {
		t.Fatalf("only %d codes were found in api/error.go", len(codes))
	}
	for _, m := range codes {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/api.md does not have the code %s", m[1])
		}
	}
}
