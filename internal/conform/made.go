package conform

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// thing is a File or an Upload that this run has made and not yet removed.
type thing struct {
	kind   string // "file" or "upload"
	id     string
	shared bool   // by the checks of a group
	reason string // why it could not be removed
}

// Leftover is what a run could not remove.
type Leftover struct {
	Object string `json:"object"` // "file" or "upload"
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// observe learns from an answer what there is to be removed, whatever the check thinks
// of it.
func (s *session) observe(r *request, a *answer) {
	if !a.ok() || r.cleaning {
		return
	}
	body, path := a.object(), strings.Split(strings.Trim(r.path, "/"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.method == "POST" && r.path == "/uploads":
		s.add("upload", body.text("id"))
	case r.method == "POST" && r.path == "/files":
		s.add("file", body.text("id"))
	case r.method == "POST" && len(path) == 3 && path[0] == "uploads" && path[2] == "complete":
		if s.add("file", body.inner("file").text("id")) {
			s.drop("upload", path[1])
		}
	case r.method == "POST" && len(path) == 3 && path[0] == "uploads" && path[2] == "cancel":
		s.drop("upload", path[1])
	case r.method == "DELETE" && len(path) == 2 && path[0] == "files":
		s.drop("file", path[1])
	}
}

// lost notes that a request may have made something without our knowing.
func (s *session) lost(r *request) {
	if r.method != http.MethodPost || r.cleaning {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.path == "/uploads":
		s.unsureUploads++
	case r.path == "/files", strings.HasSuffix(r.path, "/complete"):
		s.unsureFiles++
	}
}

func (s *session) add(kind, id string) bool {
	if id == "" {
		return false
	}
	for _, t := range s.things {
		if t.kind == kind && t.id == id {
			return true
		}
	}
	s.things = append(s.things, &thing{kind: kind, id: id})
	return true
}

func (s *session) drop(kind, id string) {
	for i, t := range s.things {
		if t.kind == kind && t.id == id {
			s.things = append(s.things[:i], s.things[i+1:]...)
			return
		}
	}
}

// removeAll removes the things that which names, and keeps those that it could not.
func (s *session) removeAll(which func(*thing) bool) {
	s.mu.Lock()
	all := append([]*thing{}, s.things...)
	s.mu.Unlock()
	for _, t := range all {
		if which(t) && s.remove(t) {
			s.mu.Lock()
			s.drop(t.kind, t.id)
			s.mu.Unlock()
		}
	}
}

// remove deletes a File or cancels an Upload. That it is gone already is as good.
func (s *session) remove(t *thing) bool {
	r := &request{method: "DELETE", path: "/files/" + t.id, cleaning: true}
	if t.kind == "upload" {
		r = &request{method: "POST", path: "/uploads/" + t.id + "/cancel", cleaning: true}
	}
	a, err := s.send(r)
	switch {
	case err != nil:
		t.reason = short(err.Error())
		return false
	case a.status < 300, a.status == http.StatusNotFound, a.status == http.StatusGone,
		t.kind == "upload" && a.status == http.StatusBadRequest, // it is not open any more
		t.kind == "upload" && a.status == http.StatusConflict:
		return true
	}
	t.reason = a.String()
	return false
}

// leaveGroup removes what the checks of a group shared.
func (s *session) leaveGroup() {
	s.removeAll(func(*thing) bool { return true })
	s.shelf = nil
}

// sweep looks for what this run has made and does not know of, because an answer was
// lost or the server made more than it said; and tries again what could not be removed.
func (s *session) sweep() (left []Leftover) {
	s.find(s.named, s.began.Add(-time.Hour), sweepPages)
	s.removeAll(func(*thing) bool { return true })
	for _, t := range s.things {
		left = append(left, Leftover{t.kind, t.id, t.reason})
	}
	return left
}

// Pages of lists that are looked through for leftovers: of the run, of all runs; and
// their length.
const (
	sweepPages = 20
	cleanPages = 10_000
	sweepLimit = 1000
)

// anyRun is how the names begin that runs give: with Prefix, the digits of the run and a
// serial number. A name that only begins with Prefix may be somebody's own.
var anyRun = regexp.MustCompile(`^` + Prefix + `[0-9a-f]{8}-[0-9]{3}`)

// Clean removes what earlier runs left behind: Files, and Uploads of a server that lists
// them, whose names are those of a run. Runs that are under way lose what they have made.
func Clean(ctx context.Context, o Options) (removed int, left []Leftover, err error) {
	s, err := newSession(ctx, o)
	if err != nil {
		return 0, nil, err
	}
	if err := s.greet(); err != nil {
		return 0, nil, err
	}
	if err := s.find(anyRun.MatchString, time.Time{}, cleanPages); err != nil {
		return 0, nil, err
	}
	found := len(s.things)
	s.removeAll(func(*thing) bool { return !s.stopped() })
	for _, t := range s.things {
		left = append(left, Leftover{t.kind, t.id, t.reason})
	}
	return found - len(left), left, nil
}

// named says whether a name is one that this run has given.
func (s *session) named(name string) bool { return strings.HasPrefix(name, s.tag+"-") }

// find adds every File, and every open Upload if the server lists those, that has such a
// name. It stops at what is older than oldest, the newest coming first.
// It returns why it could not see them all, nil if it could.
func (s *session) find(ours func(name string) bool, oldest time.Time, pages int) error {
	err := s.findIn("file", "/files", ours, oldest, pages)
	if err == nil {
		s.unsureFiles = 0
	}
	// A list of Uploads is no part of the API. Where there is one, it is used.
	if s.findIn("upload", "/uploads", ours, oldest, pages) == nil {
		s.unsureUploads = 0
	}
	return err
}

func (s *session) findIn(kind, path string, ours func(name string) bool, oldest time.Time, pages int) error {
	after := ""
	for range pages {
		query := url.Values{"limit": {fmt.Sprint(sweepLimit)}, "order": {"desc"}}
		if after != "" {
			query.Set("after", after)
		}
		a, err := s.send(&request{method: "GET", path: path, query: query.Encode(), cleaning: true})
		if err != nil {
			return err
		}
		data, isList := a.object().list("data")
		if !a.ok() || !isList {
			return fmt.Errorf("GET %s answers %s", path, a)
		}
		old := false
		for _, o := range data {
			created, _ := o.number("created_at")
			old = time.Unix(created, 0).Before(oldest)
			if ours(o.text("filename")) && (kind == "file" || o.text("status") == "pending") {
				s.mu.Lock()
				s.add(kind, o.text("id"))
				s.mu.Unlock()
			}
			after = o.text("id")
		}
		if more, _ := a.object()["has_more"].(bool); !more || old || len(data) == 0 {
			return nil
		}
	}
	return fmt.Errorf("GET %s goes on after %d pages", path, pages)
}
