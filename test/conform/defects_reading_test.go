package conform

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// drops takes a parameter of the list away.
func drops(name string, when func(value string) bool) fault {
	return send(listFiles, func(c *call) {
		c.query(func(q map[string][]string) {
			if v := q[name]; len(v) > 0 && when(v[0]) {
				delete(q, name)
			}
		})
	})
}

func is(want string) func(string) bool { return func(got string) bool { return got == want } }

func data(o map[string]any) []any {
	list, _ := o["data"].([]any)
	return list
}

var listDefects = []defect{
	{"list/object", "", plain(set(listFiles, "object", "files"))},
	{"list/ends", "", plain(set(listFiles, "last_id", "file-0"))},
	{"list/entries", "", plain(edit(listFiles, func(_ *call, o map[string]any) {
		for _, f := range data(o) {
			f.(map[string]any)["bytes"] = 0
		}
	}))},
	{"list/newest-first", "list/end", plain(edit(listFiles, func(c *call, o map[string]any) {
		if c.URL.Query().Get("order") == "" {
			slices.Reverse(data(o))
			o["first_id"], o["last_id"] = o["last_id"], o["first_id"]
		}
	}))},
	{"list/ascending", "list/end", plain(drops("order", is("asc")))},
	{"list/limit", "", plain(drops("limit", is("2")))},
	{"list/pages", "", plain(skipOne)},
	{"list/end", "", plain(reword(listFiles, func(c *call, a *reply) {
		if a.status == 200 && len(data(a.object())) == 0 && c.URL.Query().Get("after") != "" {
			*a = *refusal(400)
		}
	}))},
	{"list/purpose", "", plain(drops("purpose", func(string) bool { return true }))},
	{"list/deleted", "", func(*server) fault {
		var m memory
		return during("list/deleted", func(c *call, next func(*call) *reply) *reply {
			if c.kind == deleteFile {
				m.add("deleted", c.id())
			}
			return edit(listFiles, func(_ *call, o map[string]any) {
				for _, id := range m.get("deleted") {
					o["data"] = append(data(o), map[string]any{"id": id})
				}
			})(c, next)
		})
	}},
	{"list/limit-bounds", "", plain(drops("limit", is("0")))},
	{"list/order-unknown", "", plain(drops("order", is("sideways")))},
}

// skipOne leaves a File out from one page of one File to the next.
func skipOne(c *call, next func(*call) *reply) *reply {
	if q := c.URL.Query(); c.kind != listFiles || q.Get("after") == "" || q.Get("limit") != "1" {
		return next(c)
	}
	c.query(func(q map[string][]string) { q["limit"] = []string{"2"} })
	a := next(c)
	o := a.object()
	o["data"] = data(o)[min(1, len(data(o))):]
	return a.set(o)
}

var contentDefects = []defect{
	{"content/bytes", "", plain(reword(getContent, func(_ *call, a *reply) {
		if bytes.Count(a.body, []byte("\n")) == 40 {
			a.body = a.body[:256]
		}
	}))},
	{"content/binary", "parts/binary", plain(reword(getContent, func(_ *call, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte{0}, []byte{' '})
	}))},
	{"content/accept", "", plain(refuse(getContent, 406, func(c *call) bool { return c.Header.Get("Accept") == "text/plain" }))},
	{"content/type", "content/octets", plain(header(getContent, "Content-Type", "application/jsonl"))},
	{"content/octets", "", plain(header(getContent, "Content-Type", "text/plain"))},
	{"content/disposition", "", plain(header(getContent, "Content-Disposition", "inline"))},
}

// header sets one of the answers of a kind.
func header(kind, name, value string) fault {
	return reword(kind, func(_ *call, a *reply) { a.header.Set(name, value) })
}

// editError changes the object in refusals of a kind.
func editError(kind string, status int, change func(e map[string]any)) fault {
	return reword(kind, func(_ *call, a *reply) {
		o := a.object()
		if e, ok := o["error"].(map[string]any); ok && a.status == status {
			change(e)
			a.set(o)
		}
	})
}

// page makes refusals of a kind a page for people.
func page(kind string, status int, when condition) fault {
	return reword(kind, func(c *call, a *reply) {
		if a.status == status && when(c) {
			a.header.Set("Content-Type", "text/html")
			a.body = []byte("<h1>Bad</h1>")
		}
	})
}

var errorDefects = []defect{
	{"errors/unknown-file", "", status(deleteFile, 404, 400)},
	{"errors/invalid", "", plain(page(postUpload, 400, always))},
	{"errors/not-found", "errors/four-keys errors/type errors/message-file", plain(reword(getFile, func(_ *call, a *reply) {
		if a.status == 404 {
			a.body = []byte(`{"detail":"Not found"}`)
		}
	}))},
	{"errors/no-route", "", plain(page("GET /files/{id}/b/c", 404, always))},
	{"errors/form", "errors/four-keys", plain(page(postFile, 400, lacks("file")))},
	{"errors/media", "", plain(reword(getFile, func(_ *call, a *reply) {
		if a.status == 404 {
			a.header.Set("Content-Type", "text/plain")
		}
	}))},
	{"errors/four-keys", "", plain(editError(postFile, 400, func(e map[string]any) { delete(e, "code") }))},
	{"errors/type", "", plain(editError(getFile, 404, func(e map[string]any) { e["type"] = "not_found" }))},
	{"errors/message-file", "", plain(editError(getFile, 404, func(e map[string]any) { e["message"] = "Not found" }))},
	{"errors/final", "", plain(reword(postComplete, func(_ *call, a *reply) {
		if a.status == 400 {
			a.status = http.StatusConflict
			a.header.Del("X-Should-Retry") // with which uploadd ends the SDKs' doubts
		}
	}))},
	{"errors/request-id", "", plain(reword(getFile, func(_ *call, a *reply) { a.header.Del("X-Request-Id") }))},
}

// lends gives calls of a kind the key that opens, if they have another one.
func lends(kind string, when func(s *server, c *call) bool) func(*server) fault {
	return func(s *server) fault {
		return send(kind, func(c *call) {
			if when(s, c) {
				c.use(s.key)
			}
		})
	}
}

func keyless(_ *server, c *call) bool { return c.Header.Get("Authorization") == "" }
func wrong(s *server, c *call) bool   { return !keyless(s, c) && !c.by(s.key) && !c.by(s.other) }
func others(s *server, c *call) bool  { return c.by(s.other) }

var authDefects = []defect{
	{"auth/no-key", "", lends(listFiles, keyless)},
	{"auth/wrong-key", "", plain(reword(listFiles, func(c *call, a *reply) {
		if a.status == 401 && c.Header.Get("Authorization") != "" {
			a.status = http.StatusForbidden
		}
	}))},
	{"auth/error", "auth/code", plain(page(listFiles, 401, always))},
	{"auth/code", "", plain(editError(listFiles, 401, func(e map[string]any) { e["code"] = nil }))},
	{"auth/wrong-key-sends", "", lends(postFile, wrong)},
	{"auth/other-file", "", lends(getContent, others)},
	{"auth/other-list", "", lends(listFiles, others)},
	{"auth/other-upload", "", lends(postCancel, others)},
}

var extensionDefects = []defect{
	{"extensions/range", "", plain(reword(getContent, func(_ *call, a *reply) {
		if a.status == http.StatusPartialContent {
			a.body = []byte("nope")
		}
	}))},
	{"extensions/head", "", plain(header("HEAD /files/{id}/content", "Content-Length", "1"))},
	{"extensions/etag", "", plain(reword(getContent, func(_ *call, a *reply) {
		if a.status == http.StatusNotModified {
			a.status = 200
		}
	}))},
	{"extensions/upload", "", plain(set("GET /uploads/{id}", "status", "open"))},
	{"extensions/parts", "", plain(edit("GET /uploads/{id}/parts", func(_ *call, o map[string]any) { o["data"] = []any{} }))},
}

const aPartIsLarge = 64 << 20

var largeDefects = []defect{
	{"large/part", "", plain(refuse(postPart, 413, func(c *call) bool { return len(c.data) > aPartIsLarge && c.check == "large/part" }))},
	{"large/part-limit", "", plain(let(postPart, aPart, func(c *call) bool { return len(c.data) > aPartIsLarge }))},
	{"large/page", "", plain(edit(listFiles, func(c *call, o map[string]any) {
		if !strings.Contains(c.URL.RawQuery, "limit") {
			o["data"] = data(o)[:20]
		}
	}))},
	{"large/boundary", "", plain(refuse(postFile, 400, func(c *call) bool { return c.ContentLength < 0 && len(c.data) > 1_000_000 }))},
}
