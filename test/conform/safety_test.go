package conform

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"uploadd/internal/conform"
)

// TestSafety looks at everything that a run sends: it must be what the docs say of it.
func TestSafety(t *testing.T) {
	t.Parallel()
	s := start(t)
	// What is made without a name, or without a word on its end, or with another one: because
	// that is the question.
	nameless := map[string]bool{"files/no-form": true, "files/no-file": true, "errors/form": true, "errors/four-keys": true, "uploads/required": true, "uploads/types": true}
	endless := map[string]bool{"complete/batch-expiry": true, "files/batch-expiry": true, "uploads/expires-after-bounds": true,
		"files/expires-after-bounds": true, "uploads/invalid-json": true, "files/no-form": true}
	var mu sync.Mutex
	mine, wrongKeys := map[string]bool{}, 0
	r := &relay{fault: func(c *call, next func(*call) *reply) *reply {
		a := next(c)
		mu.Lock()
		defer mu.Unlock()
		if wrong(s, c) {
			wrongKeys++
		}
		switch {
		case c.kind == postUpload || c.kind == postFile:
			if !bytes.Contains(c.data, []byte(conform.Prefix)) && !nameless[c.check] {
				t.Errorf("%s makes something without a name of the run's: %q", c.check, c.data)
			}
			if !bytes.Contains(c.data, []byte("expires_after")) || !bytes.Contains(c.data, []byte("3600")) {
				if !endless[c.check] {
					t.Errorf("%s makes something that does not expire within the hour: %q", c.check, c.data)
				}
			}
		case c.Method != http.MethodGet && c.Method != http.MethodHead:
			if id := c.idIfAny(); !mine[id] && !strings.HasSuffix(id, "000000000000") {
				t.Errorf("%s sends %s to what it has not made: %s", c.check, c.Method, c.URL.Path)
			}
		}
		if o := a.object(); a.status == 200 && c.Method == http.MethodPost {
			for _, v := range []any{o["id"], inner(o, "file")["id"]} {
				if id, ok := v.(string); ok {
					mine[id] = true
				}
			}
		}
		return a
	}}
	passes(t, s.run(t, r, conform.Select(nil, true)))
	if wrongKeys != 5 {
		t.Errorf("a wrong key was sent %d times", wrongKeys)
	}
}

func inner(o map[string]any, key string) map[string]any {
	m, _ := o[key].(map[string]any)
	return m
}
