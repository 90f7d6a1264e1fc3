// Package supply looks at what is handed out: the program, and the list of what it
// is made of.
package supply

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"uploadd/internal/uploads/uploadstest"
)

// bom is the part of CycloneDX that is looked at.
type bom struct {
	BOMFormat  string `json:"bomFormat"`
	Components []struct {
		Name, Version string
		PURL          string `json:"purl"`
		Evidence      struct {
			Licenses []struct{ License struct{ ID string } }
		}
	}
}

var licenses = []string{"MIT", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0", "ISC"}

// unrecognized are the modules whose licence the tool cannot tell, with the words
// that their LICENSE must have.
var unrecognized = map[string]string{
	"github.com/pressly/goose/v3":    "MIT License",
	"github.com/cenkalti/backoff/v5": "The MIT License (MIT)",
}

// The list names exactly the modules that the program is linked from, as the go
// command knows them; and each may be used here.
func TestSBOM(t *testing.T) {
	dir := t.TempDir()
	output(t, "make", "-s", "sbom", "BIN="+dir, "VERSION=v0.0.0")
	var list bom
	if err := json.Unmarshal(uploadstest.Must(os.ReadFile(filepath.Join(dir, "uploadd.cdx.json")))(t), &list); err != nil {
		t.Fatal(err)
	}
	if list.BOMFormat != "CycloneDX" {
		t.Errorf("the format is %q", list.BOMFormat)
	}
	want := strings.Fields(output(t, "go", "list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}{{end}}{{end}}`, "./cmd/uploadd"))
	want = append(want, "std@"+runtime.Version())
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for _, c := range list.Components {
		got = append(got, c.Name+"@"+c.Version)
		if c.Name == "std" {
			continue // Go's own
		}
		if !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("%s has the package URL %q", c.Name, c.PURL)
		}
		if words := unrecognized[c.Name]; words != "" {
			file := filepath.Join(strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", c.Name)), "LICENSE")
			if !bytes.Contains(uploadstest.Must(os.ReadFile(file))(t), []byte(words)) {
				t.Errorf("%s: %s does not say %q any more", c.Name, file, words)
			}
			continue
		}
		if len(c.Evidence.Licenses) == 0 {
			t.Errorf("%s has no known licence", c.Name)
		}
		for _, l := range c.Evidence.Licenses {
			if !slices.Contains(licenses, l.License.ID) {
				t.Errorf("%s is under %q", c.Name, l.License.ID)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the list has\n%s\nand linked are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The same sources give the same program, wherever they are.
func TestReproducible(t *testing.T) {
	elsewhere := t.TempDir()
	output(t, "cp", "-a", "api", "client", "cmd", "internal", "web", "go.mod", "go.sum", "Makefile", elsewhere)
	var sums [2][32]byte
	for i, dir := range []string{"../..", elsewhere} {
		bin := t.TempDir()
		cmd := exec.Command("make", "-s", "build", "BIN="+bin)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false") // one of them is no repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		sums[i] = sha256.Sum256(uploadstest.Must(os.ReadFile(filepath.Join(bin, "uploadd")))(t))
	}
	if sums[0] != sums[1] {
		t.Errorf("one build has the sum %x, another %x", sums[0], sums[1])
	}
}

// output runs a command at the root of the module.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// The archive of a release holds both programs, which say what they are; their bills of
// materials; and nothing that its checksum does not cover.
func TestRelease(t *testing.T) {
	dist, dir := t.TempDir(), t.TempDir()
	cmd := exec.Command("scripts/release", "linux/"+runtime.GOARCH)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "DIST="+dist)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = dist
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archives := uploadstest.Must(filepath.Glob(filepath.Join(dist, "*.tar.gz")))(t)
	if len(archives) != 1 {
		t.Fatalf("the archives are %v", archives)
	}
	output(t, "tar", "-xzf", archives[0], "-C", dir, "--strip-components=1")
	for _, program := range []string{"upload", "uploadd"} {
		if out := output(t, filepath.Join(dir, program), "version"); !strings.HasPrefix(out, program+" ") {
			t.Errorf("%s says of itself %q", program, out)
		}
		if b := uploadstest.Must(os.ReadFile(filepath.Join(dir, program+".cdx.json")))(t); !json.Valid(b) || !bytes.Contains(b, []byte("alecthomas/kong")) {
			t.Errorf("the bill of materials of %s lists nothing it is made of", program)
		}
	}
}

// Both programs can be built for the system that is the least like this one. (A release
// builds them for all.)
func TestWindows(t *testing.T) {
	output(t, "env", "CGO_ENABLED=0", "GOOS=windows", "go", "build", "-o", t.TempDir(), "./cmd/...")
}
