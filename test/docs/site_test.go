package docs

import (
	"flag"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"uploadd/internal/uploads/uploadstest"
)

var shots = flag.String("shots", "", "a directory to keep a picture of each page of the site in")

var every = flag.Bool("every", false, "judge every page of the site by the rules of accessibility, and not some")

// site builds the documentation site, and returns its directory. What its builder warns
// of is an error: a link that leads nowhere, a page that is in no menu.
func site(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	cmd := exec.Command(filepath.Join(repository, "scripts", "site"), dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the site cannot be built: %v\n%s", err, out)
	}
	return dir
}

// document is what other pages may lead to, and where it leads to.
type document struct {
	ids   map[string]bool
	links []string
}

// TestSite: every link of the site leads somewhere, its place in the page included; its
// pages are accessible, fit narrow windows, and fetch nothing from elsewhere.
func TestSite(t *testing.T) {
	t.Parallel()
	dir := site(t)
	documents := map[string]document{}
	check(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && path.Ext(name) == ".html" && name != "404.html" {
			documents[name] = read(t, filepath.Join(dir, name))
		}
		return err
	}))
	if len(documents) < 25 {
		t.Errorf("the site has only %d pages", len(documents))
	}
	for name, d := range documents {
		for _, link := range d.links {
			if wrong := follow(dir, documents, name, link); wrong != "" {
				t.Errorf("%s: a link to %s: %s", name, link, wrong)
			}
		}
	}
	browse(t, dir, slices.Sorted(maps.Keys(documents)))
}

// follow says what is wrong with a link of a page; "" when it leads somewhere, or
// elsewhere.
func follow(dir string, documents map[string]document, name, link string) string {
	to, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	if to.IsAbs() || to.Host != "" {
		return ""
	}
	target := name
	if to.Path != "" {
		target = path.Join(path.Dir(name), to.Path)
	}
	if _, err := os.Stat(filepath.Join(dir, target)); err != nil {
		return "it is not there"
	}
	if there, isPage := documents[target]; to.Fragment != "" && isPage && !there.ids[to.Fragment] {
		return "that page has no such place"
	}
	return ""
}

// browse looks at the pages of the site in a browser.
func browse(t *testing.T, dir string, names []string) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run 'make tools' first, which installs it", err)
	}
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	cmd := exec.CommandContext(t.Context(), "node", "site.mjs")
	cmd.Dir = filepath.Join(repository, "test", "web")
	cmd.Env = append(os.Environ(), "PAGE_URL="+srv.URL+"/", "CHROMIUM="+chromium, "PAGES="+strings.Join(names, " "), "SHOTS="+*shots)
	if *every {
		cmd.Env = append(cmd.Env, "EVERY=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// read reads a page of the site.
func read(t *testing.T, file string) document {
	t.Helper()
	d := document{ids: map[string]bool{}}
	f := uploadstest.Must(os.Open(file))(t)
	defer f.Close()
	for n := range uploadstest.Must(html.Parse(f))(t).Descendants() {
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				d.ids[a.Val] = true
			case "href", "src":
				d.links = append(d.links, a.Val)
			}
		}
	}
	return d
}
