package conform

import (
	"bytes"
	"net/http"
	"strings"
)

// file changes the File inside of a completed Upload.
func file(change func(f map[string]any)) fault {
	return edit(postComplete, func(_ *call, o map[string]any) {
		if f, ok := o["file"].(map[string]any); ok {
			change(f)
		}
	})
}

// isUnknown says that an id is of those that the checks invent.
func isUnknown(c *call) bool { return strings.Contains(string(c.data), "000000000000") }

// status turns one status of a kind of calls with a key into another.
func status(kind string, from, to int) func(*server) fault {
	return func(s *server) fault {
		return reword(kind, func(c *call, a *reply) {
			if a.status == from && c.by(s.key) {
				a.status = to
			}
		})
	}
}

// second does something to the second success of a kind for an Upload.
func second(kind string, change func(*reply)) func(*server) fault {
	return func(*server) fault {
		var m memory
		return reword(kind, func(c *call, a *reply) {
			if a.status == 200 && len(m.add(c.id(), "")) > 0 {
				change(a)
			}
		})
	}
}

// anySum takes completions of so many Parts, whatever their bytes add up to.
func anySum(parts int) fault {
	return reword(postComplete, func(c *call, a *reply) {
		if len(named(c)) == parts && a.says("bytes_mismatch") {
			*a = *answer(200, done)
		}
	})
}

var completeDefects = []defect{
	{"complete/completed", "", plain(set(postComplete, "status", "complete"))},
	{"complete/file", "", plain(during("complete/file", drop(postComplete, "file")))},
	{"complete/file-object", "", plain(during("complete/file-object", file(func(f map[string]any) { f["object"] = "document" })))},
	{"complete/file-echo", "complete/retrieve", plain(file(func(f map[string]any) { f["filename"] = "f" }))},
	{"complete/retrieve", "files/retrieve", plain(edit(getFile, func(_ *call, o map[string]any) { o["bytes"] = number(o, "bytes") + 1 }))},
	{"complete/listed", "", func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			a := next(c)
			if f, ok := a.object()["file"].(map[string]any); ok && c.kind == postComplete {
				m.add("files", f["id"].(string))
			}
			if o := a.object(); c.kind == listFiles && a.status == 200 {
				kept := []any{}
				for _, f := range o["data"].([]any) {
					if !strings.Contains(strings.Join(m.get("files"), " "), f.(map[string]any)["id"].(string)) {
						kept = append(kept, f)
					}
				}
				o["data"] = kept
				a.set(o)
			}
			return a
		}
	}},
	{"complete/order", "", plain(during("complete/order", byArrival()))},
	{"complete/bytes-short", "", plain(anySum(1))},
	{"complete/bytes-long", "", plain(anySum(2))},
	{"complete/unknown-part", "", plain(let(postComplete, done, func(c *call) bool { return isUnknown(c) && !strings.Contains(c.URL.Path, "000000000000") }))},
	{"complete/other-part", "", plain(reword(postComplete, func(c *call, a *reply) {
		if a.says("invalid_part_id") && !isUnknown(c) {
			*a = *answer(200, done)
		}
	}))},
	{"complete/same-part-twice", "", plain(nextPart())},
	{"complete/no-part-ids", "", plain(let(postComplete, done, asks("part_ids", nil)))},
	{"complete/md5", "", plain(refuse(postComplete, 400, func(c *call) bool { return c.json()["md5"] != nil }))},
	{"complete/md5-wrong", "", plain(send(postComplete, func(c *call) {
		if o := c.json(); o["md5"] != nil {
			delete(o, "md5")
			c.set(o)
		}
	}))},
	{"complete/twice", "complete/together", second(postComplete, func(a *reply) {
		o := a.object()
		o["file"].(map[string]any)["id"] = "file-2"
		a.set(o)
	})},
	{"complete/together", "", plain(during("complete/together", refuse(postComplete, 500, always)))},
	{"complete/cancelled", "", plain(reword(postComplete, letIf("cancelled", done)))},
	{"complete/unknown-upload", "", status(postComplete, 404, 400)},
	{"complete/expires-after", "", plain(send(postUpload, func(c *call) {
		if o := c.json(); seconds(c) == 3600 && bytes.Contains(c.data, []byte(`"created_at"`)) {
			delete(o, "expires_after")
			c.set(o)
		}
	}))},
	{"complete/batch-expiry", "", plain(file(forgetMonth))},
}

// forgetMonth makes a File that lives for 30 days live for ever.
func forgetMonth(f map[string]any) {
	if number(f, "expires_at")-number(f, "created_at") == 2_592_000 {
		f["expires_at"] = nil
	}
}

var cancelDefects = []defect{
	{"cancel/cancelled", "", plain(set(postCancel, "status", "canceled"))},
	{"cancel/object", "", plain(set(postCancel, "object", "upload.deleted"))},
	{"cancel/typed", "", plain(refuse(postCancel, 400, func(c *call) bool { return c.Header.Get("Content-Type") == "application/json" }))},
	{"cancel/no-file", "", plain(set(postCancel, "file", map[string]any{"id": "file-0"}))},
	{"cancel/completed", "", func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			a := next(c)
			if f, ok := a.object()["file"].(map[string]any); ok && c.kind == postComplete {
				m.add(c.id(), f["id"].(string))
			}
			for _, id := range m.get(c.idIfAny()) {
				if c.kind == postCancel {
					gone := c.Clone(c.Context())
					gone.Method, gone.URL.Path = http.MethodDelete, "/v1/files/"+id
					next(&call{Request: gone})
				}
			}
			return a
		}
	}},
	{"cancel/twice", "", func(*server) fault {
		var m memory
		return reword(postCancel, func(c *call, a *reply) {
			if len(m.add(c.id(), "")) > 0 {
				*a = *refusal(500)
			}
		})
	}},
	{"cancel/unknown-upload", "", status(postCancel, 404, 400)},
}

// idIfAny is the id in the path, "" if there is none.
func (c *call) idIfAny() string {
	if strings.Contains(c.kind, "{id}") {
		return c.id()
	}
	return ""
}
