package conform

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

const (
	anUpload = `{"id":"upload_0","object":"upload","bytes":1,"created_at":1,"filename":"f","purpose":"batch","status":"pending","expires_at":3601}`
	aPart    = `{"id":"part_0","object":"upload.part","created_at":1,"upload_id":"upload_0"}`
	done     = `{"id":"upload_0","object":"upload","bytes":1,"created_at":1,"filename":"f","purpose":"batch","status":"completed","expires_at":3601,"file":{"id":"file-0"}}`
)

// asks says that a JSON request has a value.
func asks(key string, value any) condition {
	return func(c *call) bool {
		return c.json() != nil && string(must(json.Marshal(c.json()[key]))) == string(must(json.Marshal(value)))
	}
}

// seconds are those of expires_after.
func seconds(c *call) float64 {
	e, _ := c.json()["expires_after"].(map[string]any)
	n, _ := e["seconds"].(float64)
	return n
}

func number(o map[string]any, key string) float64 {
	n, _ := o[key].(float64)
	return n
}

func ascii(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }

func filename(o map[string]any) string {
	s, _ := o["filename"].(string)
	return s
}

var uploadDefects = []defect{
	{"uploads/create", "", plain(during("uploads/create", refuse(postUpload, 500, always)))},
	{"uploads/object", "", plain(set(postUpload, "object", "uploads"))},
	{"uploads/pending", "", plain(set(postUpload, "status", "open"))},
	{"uploads/echo", "", plain(set(postUpload, "purpose", "fine-tune"))},
	{"uploads/no-file-yet", "uploads/keys-exact", plain(set(postUpload, "file", map[string]any{"id": "file-1"}))},
	{"uploads/clock", "", plain(edit(postUpload, func(_ *call, o map[string]any) {
		o["created_at"], o["expires_at"] = number(o, "created_at")*1000, number(o, "created_at")*1000+3600
	}))},
	{"uploads/expires-at", "", plain(edit(postUpload, func(_ *call, o map[string]any) { o["expires_at"] = number(o, "created_at") + 86400 }))},
	{"uploads/keys-exact", "", plain(set(postUpload, "mime_type", "text/jsonl"))},
	{"uploads/own-ids", "", func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			if c.kind != postUpload || c.json() == nil {
				return next(c)
			}
			if before := m.get(filename(c.json())); len(before) > 0 && filename(c.json()) != "" {
				return answer(200, before[0])
			}
			a := next(c)
			if a.status == 200 {
				m.add(filename(c.json()), string(a.body))
			}
			return a
		}
	}},
	{"uploads/purposes", "", plain(refuse(postUpload, 400, asks("purpose", "vision")))},
	{"uploads/purposes-sdk", "", plain(refuse(postUpload, 400, asks("purpose", "evals")))},
	{"uploads/purpose-unknown", "", plain(let(postUpload, anUpload, asks("purpose", "world_domination")))},
	{"uploads/required", "", plain(let(postUpload, anUpload, func(c *call) bool { return c.json() != nil && asks("mime_type", nil)(c) }))},
	{"uploads/types", "", plain(let(postUpload, anUpload, asks("filename", []int{1})))},
	{"uploads/mime-short", "", plain(refuse(postUpload, 400, asks("mime_type", "txt")))},
	{"uploads/unicode", "", plain(edit(postUpload, func(_ *call, o map[string]any) {
		if !ascii(filename(o)) {
			o["filename"] = "upload"
		}
	}))},
	{"uploads/large-number", "", plain(edit(postUpload, func(_ *call, o map[string]any) { o["bytes"] = int64(number(o, "bytes")) & 0xffffffff }))},
	{"uploads/limit", "", plain(let(postUpload, anUpload, asks("bytes", 10_000_000_000)))},
	{"uploads/expires-after", "uploads/curl", plain(refuse(postUpload, 400, func(c *call) bool { return seconds(c) > 0 }))},
	{"uploads/expires-after-bounds", "", plain(let(postUpload, anUpload, func(c *call) bool { return seconds(c) == 2_592_001 }))},
	{"uploads/invalid-json", "", plain(let(postUpload, anUpload, func(c *call) bool { return c.json() == nil }))},
	{"uploads/curl", "", plain(refuse(postUpload, 415, func(c *call) bool { return c.Header.Get("Content-Type") != "application/json" }))},
	{"uploads/not-a-file", "", func(*server) fault {
		var m memory
		return during("uploads/not-a-file", func(c *call, next func(*call) *reply) *reply {
			if c.kind == postUpload {
				m.add("names", filename(c.json()))
			}
			return edit(listFiles, func(_ *call, o map[string]any) {
				for _, name := range m.get("names") {
					o["data"] = append(o["data"].([]any), map[string]any{"id": "file-0", "filename": name, "created_at": time.Now().Unix()})
				}
			})(c, next)
		})
	}},
}

var partDefects = []defect{
	{"parts/add", "", plain(during("parts/add", refuse(postPart, 500, always)))},
	{"parts/object", "", plain(set(postPart, "object", "part"))},
	{"parts/upload-id", "", plain(set(postPart, "upload_id", "upload_0"))},
	{"parts/keys-exact", "", plain(set(postPart, "bytes", 1))},
	{"parts/any-size", "", plain(refuse(postPart, 400, func(c *call) bool {
		_, data := c.field("data")
		return len(data) == 1
	}))},
	{"parts/parallel", "", func(*server) fault {
		var m memory // one at a time: who comes while another is there is refused
		return during("parts/parallel", func(c *call, next func(*call) *reply) *reply {
			if c.kind != postPart {
				return next(c)
			}
			if len(m.add("arrived", "")) > 0 {
				return refusal(400)
			}
			return next(c)
		})
	}},
	{"parts/same-bytes", "", func(*server) fault {
		var m memory
		return func(c *call, next func(*call) *reply) *reply {
			if c.kind != postPart {
				return next(c)
			}
			_, data := c.field("data")
			a := next(c)
			if a.status != 200 {
				return a
			}
			if before := m.add(c.id()+string(data), string(a.body)); len(before) > 0 {
				return answer(200, before[0])
			}
			return a
		}
	}},
	{"parts/again", "", plain(refuse(postPart, 400, func(c *call) bool { return c.Header.Get("X-Stainless-Retry-Count") != "" }))},
	{"parts/unused", "parts/again", plain(allParts())},
	{"parts/binary", "", plain(send(postPart, func(c *call) { c.data = bytes.ReplaceAll(c.data, []byte{0}, []byte{' '}) }))},
	{"parts/no-form", "", plain(let(postPart, aPart, func(c *call) bool { return c.Header.Get("Content-Type") == "application/octet-stream" }))},
	{"parts/no-data", "", plain(let(postPart, aPart, func(c *call) bool { return len(c.data) < 50 && len(c.data) > 20 }))},
	{"parts/other-field", "", plain(let(postPart, aPart, func(c *call) bool { return c.has("file") }))},
	{"parts/unknown-upload", "", func(s *server) fault {
		return reword(postPart, func(c *call, a *reply) {
			if a.status == 404 && c.by(s.key) {
				*a = *answer(200, aPart)
			}
		})
	}},
	{"parts/after-complete", "", plain(reword(postPart, letIf("completed", aPart)))},
	{"parts/after-cancel", "", plain(reword(postPart, letIf("cancelled", aPart)))},
	{"parts/expect", "", plain(refuse(postPart, 417, func(c *call) bool { return c.Header.Get("Expect") != "" }))},
}

// letIf turns a refusal with some text into a success.
func letIf(text, body string) func(*call, *reply) {
	return func(_ *call, a *reply) {
		if a.status == 400 && a.says(text) {
			*a = *answer(200, body)
		}
	}
}

// partIDs notes the Parts of Uploads as they arrive.
func partIDs(m *memory, c *call, a *reply) {
	if id, _ := a.object()["id"].(string); c.kind == postPart && a.status == 200 {
		m.add(c.id(), id)
	}
}

// named are the ids that a completion names.
func named(c *call) (ids []string) {
	list, _ := c.json()["part_ids"].([]any)
	for _, v := range list {
		id, _ := v.(string)
		ids = append(ids, id)
	}
	return ids
}

// rename makes a completion name other Parts.
func rename(change func(arrived, named []string) []string) fault {
	var m memory
	return func(c *call, next func(*call) *reply) *reply {
		if c.kind == postComplete && c.json()["part_ids"] != nil {
			o := c.json()
			o["part_ids"] = change(m.get(c.id()), named(c))
			c.set(o)
		}
		a := next(c)
		partIDs(&m, c, a)
		return a
	}
}

// allParts completes with every Part that there is.
func allParts() fault {
	return rename(func(arrived, named []string) []string {
		for _, id := range arrived {
			if !slices.Contains(named, id) {
				named = append(named, id)
			}
		}
		return named
	})
}

// byArrival completes in the order of arrival.
func byArrival() fault {
	return rename(func(arrived, named []string) []string {
		slices.SortStableFunc(named, func(a, b string) int { return slices.Index(arrived, a) - slices.Index(arrived, b) })
		return named
	})
}

// nextPart takes the next Part for one that is named twice.
func nextPart() fault {
	return rename(func(arrived, named []string) []string {
		if len(named) == 2 && named[0] == named[1] && len(arrived) == 2 {
			return arrived
		}
		return named
	})
}
