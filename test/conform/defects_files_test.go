package conform

import (
	"bytes"
	"strings"
)

const aFile = `{"id":"file-0","object":"file","bytes":1,"created_at":1,"filename":"f","purpose":"batch","status":"processed"}`

func fieldIs(name, value string) condition {
	return func(c *call) bool {
		p, data := c.field(name)
		return p != nil && string(data) == value
	}
}

func lacks(name string) condition {
	return func(c *call) bool {
		return strings.HasPrefix(c.Header.Get("Content-Type"), "multipart/form-data") && !c.has(name)
	}
}

// afterDeletion answers calls about deleted Files as if they were still there.
func afterDeletion(kind string) func(*server) fault {
	return func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			a := next(c)
			if c.kind == deleteFile && a.status == 200 {
				m.add(c.id(), "")
			}
			if c.kind == kind && a.status == 404 && len(m.get(c.id())) > 0 {
				return answer(200, aFile)
			}
			return a
		}
	}
}

// star says that a form has a filename in the form filename*.
func star(c *call) bool {
	return strings.Contains(c.fieldHeader("file", "Content-Disposition"), "filename*")
}

// garble makes names beyond ASCII unreadable.
func garble(when condition) fault {
	return edit(postFile, func(c *call, o map[string]any) {
		if !ascii(filename(o)) && when(c) {
			o["filename"] = "å¥½"
		}
	})
}

var fileDefects = []defect{
	{"files/create", "", plain(during("files/create", refuse(postFile, 500, always)))},
	{"files/object", "", plain(during("files/object", set(postFile, "object", "document")))},
	{"files/echo", "", plain(during("files/echo", set(postFile, "bytes", 0)))},
	{"files/clock", "", plain(during("files/clock", edit(postFile, func(_ *call, o map[string]any) { o["created_at"] = number(o, "created_at") * 1000 })))},
	{"files/id", "", plain(during("files/id", set(postFile, "id", "a/b?c")))},
	{"files/status", "", plain(set(postFile, "status", "ready"))},
	{"files/processed", "", plain(func(c *call, next func(*call) *reply) *reply {
		return set(getFile, "status", "uploaded")(c, func(c *call) *reply { return set(postFile, "status", "uploaded")(c, next) })
	})},
	{"files/optional", "", plain(set(postFile, "status_details", map[string]any{}))},
	{"files/keys-exact", "", plain(drop(postFile, "status_details"))},
	{"files/retrieve", "complete/retrieve", plain(edit(getFile, func(_ *call, o map[string]any) { o["filename"] = strings.ToUpper(filename(o)) }))},
	{"files/delete", "", plain(set(deleteFile, "deleted", false))},
	{"files/deleted", "", afterDeletion(getFile)},
	{"files/deleted-content", "", afterDeletion(getContent)},
	{"files/same-name", "", func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			name := ""
			if p, _ := c.field("file"); c.kind == postFile && p != nil {
				name = p.FileName()
			}
			if name != "" && len(m.get(name)) > 0 {
				return refusal(400)
			}
			a := next(c)
			if a.status == 200 && name != "" {
				m.add(name, "")
			}
			return a
		}
	}},
	{"files/purposes", "", plain(refuse(postFile, 400, fieldIs("purpose", "evals")))},
	{"files/purpose-unknown", "files/purpose-error", plain(let(postFile, aFile, fieldIs("purpose", "world_domination")))},
	{"files/purpose-error", "", plain(reword(postFile, func(_ *call, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte(`"param":"purpose"`), []byte(`"param":null`))
	}))},
	{"files/no-purpose", "", plain(let(postFile, aFile, lacks("purpose")))},
	{"files/no-file", "", plain(let(postFile, aFile, lacks("file")))},
	{"files/no-form", "", plain(let(postFile, aFile, func(c *call) bool { return c.Header.Get("Content-Type") == "application/json" }))},
	{"files/unicode", "", plain(garble(func(c *call) bool { return !star(c) }))},
	{"files/unicode-star", "", plain(garble(star))},
	{"files/expires-after", "", plain(send(postFile, func(c *call) {
		c.data = bytes.Replace(c.data, []byte("\r\n\r\n3600\r\n"), []byte("\r\n\r\n7200\r\n"), 1)
	}))},
	{"files/expires-after-bounds", "", plain(send(postFile, func(c *call) {
		c.data = bytes.Replace(c.data, []byte("\r\n\r\n2592001\r\n"), []byte("\r\n\r\n2592000\r\n"), 1)
	}))},
	{"files/batch-expiry", "", plain(edit(postFile, func(_ *call, o map[string]any) { forgetMonth(o) }))},
}

// boundary says that a form of some kind has this boundary.
func boundary(text string) condition {
	return func(c *call) bool { return strings.Contains(c.Header.Get("Content-Type"), text) }
}

// disposition says something of the header of a field.
func disposition(name string, says func(header string) bool) condition {
	return func(c *call) bool {
		h := c.fieldHeader(name, "Content-Disposition")
		return h != "" && says(h)
	}
}

func nameless(header string) bool { return !strings.Contains(header, "filename") }
func unquoted(header string) bool { return !strings.Contains(header, `name="`) }

func both(a, b condition) condition { return func(c *call) bool { return a(c) && b(c) } }

func typed(c *call) bool { return c.fieldHeader("data", "Content-Type") != "" }

var formDefects = []defect{
	{"forms/python", "", plain(refuse(postPart, 400, boundary("0123456789abcdef")))},
	{"forms/node", "forms/ruby", plain(refuse(postPart, 411, func(c *call) bool { return c.ContentLength < 0 }))},
	{"forms/node-4", "", plain(refuse(postPart, 400, func(c *call) bool { return bytes.HasSuffix(c.data, []byte("--\r\n\r\n")) }))},
	{"forms/go", "", plain(refuse(postPart, 400, disposition("data", func(h string) bool { return strings.Contains(h, "anonymous_file") })))},
	{"forms/java", "", plain(refuse(postPart, 400, both(typed, disposition("data", nameless))))},
	{"forms/ruby", "", plain(refuse(postPart, 400, func(c *call) bool { return c.fieldHeader("data", "Content-Type") == "text/plain" }))},
	{"forms/dotnet", "", plain(refuse(postPart, 400, disposition("data", unquoted)))},
	{"forms/curl", "forms/java", plain(refuse(postPart, 400, disposition("data", nameless)))},
	{"forms/file-python", "", plain(refuse(postFile, 400, boundary("0123456789abcdef")))},
	{"forms/file-node", "forms/file-go forms/file-ruby forms/file-dotnet", plain(refuse(postFile, 400, func(c *call) bool {
		return bytes.Index(c.data, []byte("filename=")) < bytes.Index(c.data, []byte("name=\"purpose\"")) || disposition("purpose", unquoted)(c)
	}))},
	{"forms/file-go", "", plain(refuse(postFile, 400, boundary("d98bd8c4c7fd")))},
	{"forms/file-ruby", "", plain(refuse(postFile, 400, func(c *call) bool {
		return c.fieldHeader("purpose", "Content-Type") != "" && !boundary("f7Vn0")(c)
	}))},
	{"forms/file-dotnet", "", plain(refuse(postFile, 400, disposition("file", unquoted)))},
}
