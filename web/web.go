// Package web is the page on which people see and send files. It is plain HTML, CSS
// and JavaScript modules, embedded as they are: there is nothing to build, and
// nothing is fetched from elsewhere. It uses the API as any client does, and knows
// nothing else of the server.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page
var page embed.FS

// policy lets the page run what it is made of, talk to this server, and nothing
// else. The frame is for downloads, which carry their key in a header.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Routes returns the handlers for GET of the page and of what it is made of, by
// their paths: "/" and those under "/assets/".
func Routes() map[string]http.Handler {
	routes := map[string]http.Handler{}
	files, err := fs.ReadDir(page, "page")
	if err != nil {
		panic(err) // it is compiled in
	}
	for _, f := range files {
		content, err := page.ReadFile("page/" + f.Name())
		if err != nil {
			panic(err)
		}
		at := "/assets/" + f.Name()
		if f.Name() == "index.html" {
			at = "/"
		}
		routes[at] = file(f.Name(), content)
	}
	return routes
}

// file serves one file. A browser keeps it and asks each time whether it is still
// the same, so that a new server never meets an old page.
func file(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Content-Type", contentTypes[path.Ext(name)])
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
