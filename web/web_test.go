package web

import (
	"io/fs"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

// What is served is what its headers say, and is asked for again only when it changed.
func TestRoutes(t *testing.T) {
	routes := Routes()
	for _, at := range []string{"/", "/assets/main.js", "/assets/style.css", "/assets/icon.svg"} {
		if routes[at] == nil {
			t.Fatalf("nothing is served at %s: %v", at, routes)
		}
	}
	for at, h := range routes {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", at, nil))
		header := w.Result().Header
		if w.Code != 200 || w.Body.Len() == 0 || header.Get("Content-Type") == "" {
			t.Errorf("%s: status %d, %d bytes, %v", at, w.Code, w.Body.Len(), header)
		}
		if got := header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none';") || strings.Contains(got, "unsafe") {
			t.Errorf("%s: the policy is %q", at, got)
		}
		r := httptest.NewRequest("GET", at, nil)
		r.Header.Set("If-None-Match", header.Get("ETag"))
		again := httptest.NewRecorder()
		h.ServeHTTP(again, r)
		if again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("%s, asked for again: status %d, %d bytes", at, again.Code, again.Body.Len())
		}
	}
}

var (
	// inline is what the policy would refuse: code and style in the page itself.
	inline = regexp.MustCompile(`<style|<script>|\s(style|on[a-z]+)=|javascript:`)
	// elsewhere is an address outside of this server, other than the name of SVG.
	elsewhere = regexp.MustCompile(`(https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	reference = regexp.MustCompile(`(?:from "\./|/assets/)([a-z0-9-]+\.[a-z]+)`)
)

// The page is whole: it refers to nothing that is not in it, and to nothing elsewhere.
func TestPageIsWhole(t *testing.T) {
	used := map[string]bool{"index.html": true}
	files, err := fs.ReadDir(page, "page")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := page.ReadFile("page/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "http://www.w3.org/2000/svg", "")
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s refers to %s", f.Name(), found)
		}
		if found := inline.FindString(text); found != "" && path.Ext(f.Name()) == ".html" {
			t.Errorf("%s has %q in it, which its policy refuses", f.Name(), found)
		}
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
			if _, err := fs.Stat(page, "page/"+m[1]); err != nil {
				t.Errorf("%s refers to %s: %v", f.Name(), m[1], err)
			}
		}
		if contentTypes[path.Ext(f.Name())] == "" {
			t.Errorf("%s has no content type", f.Name())
		}
	}
	for _, f := range files {
		if !used[f.Name()] {
			t.Errorf("%s is of no use", f.Name())
		}
	}
}
