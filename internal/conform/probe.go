package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// probe is what a check asks with. Its methods end the check: with a verdict of the
// check's, or with why it could not be tried.
type probe struct {
	*session
	check *Check
}

// Outcome is how a check ended.
type Outcome string

const (
	Holds   Outcome = "holds"
	Differs Outcome = "differs"
	// Skipped: it does not apply to this server, or to this run.
	Skipped Outcome = "skipped"
	// Untried: something that the check needs went wrong before.
	Untried Outcome = "untried"
)

// verdict ends a check that does not hold.
type verdict struct {
	Outcome   Outcome `json:"outcome"`
	Expected  string  `json:"expected,omitempty"`
	Seen      string  `json:"seen,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	RequestID string  `json:"request_id,omitempty"` // of the answer that differs
}

// differs ends the check: the server does otherwise. a may be nil.
func (p *probe) differs(a *answer, expected, seen string) {
	v := verdict{Outcome: Differs, Expected: expected, Seen: seen}
	if a != nil {
		v.Seen, v.RequestID = short(a.redact(seen)), a.requestID()
	}
	panic(v)
}

// cannot ends the check: it could not be tried.
func (p *probe) cannot(format string, args ...any) {
	panic(verdict{Outcome: Untried, Reason: fmt.Sprintf(format, args...)})
}

// skip ends the check: it is not for this server.
func (p *probe) skip(format string, args ...any) {
	panic(verdict{Outcome: Skipped, Reason: fmt.Sprintf(format, args...)})
}

// do sends a request of which some answer is expected.
func (p *probe) do(r *request) *answer {
	a, err := p.send(r)
	switch {
	case errors.Is(err, errInterrupted):
		p.cannot("the run was interrupted")
	case err != nil:
		p.differs(nil, "an answer to "+r.method+" "+r.path, short(err.Error()))
	case a.status == http.StatusTooManyRequests:
		p.cannot("the server is busy: %s", a)
	case r.method == http.MethodPost && p.absent(r.path, a):
		p.skip("the server has no POST %s: it answers %d", r.path, a.status)
	}
	return a
}

// absent says that there is no such route, to all but the check that is there to say so.
func (p *probe) absent(path string, a *answer) bool {
	missing := a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotImplemented
	return missing && (path == "/uploads" || path == "/files") && "/"+p.check.ID != path+"/create"
}

// get, delete and post send what most checks do.
func (p *probe) get(path, query string) *answer {
	return p.do(&request{method: "GET", path: path, query: query})
}

func (p *probe) delete(path string) *answer { return p.do(&request{method: "DELETE", path: path}) }

func (p *probe) post(path string, body any) *answer {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // of our own making
	}
	return p.do((&request{method: "POST", path: path}).withBody(b).with("Content-Type", "application/json"))
}

// succeeds wants a 200, which is the only success that is documented.
func (p *probe) succeeds(a *answer) object {
	if !a.ok() {
		p.differs(a, "status 200 to "+a.method+" "+a.path, a.String())
	}
	o := a.object()
	if o == nil {
		p.differs(a, "a JSON object", a.String())
	}
	return o
}

// refused wants a status that says the request is at fault: no success, and no failure of the
// server's.
func (p *probe) refused(a *answer, what string) {
	switch {
	case a.ok():
		p.differs(a, "a status of 4xx: "+what, "200")
	case a.status < 400 || a.status > 499:
		p.differs(a, "a status of 4xx: "+what, a.String())
	}
}

// gone wants a 404.
func (p *probe) gone(a *answer) {
	if a.status != http.StatusNotFound {
		p.differs(a, "status 404 to "+a.method+" "+a.path, a.String())
	}
}

// needs is succeeds for what comes before the question.
func (p *probe) needs(a *answer) object {
	if o := a.object(); a.ok() && o != nil {
		return o
	}
	p.cannot("%s %s answers %s", a.method, kindOf(a.path), a)
	return nil
}

// kindOf is a path without the ids in it.
func kindOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 2 {
		parts[2] = "{id}"
	}
	return strings.Join(parts, "/")
}

// equal wants a value in an answer.
func (p *probe) equal(a *answer, name string, got, want any) {
	if g, w := show(got), show(want); g != w {
		p.differs(a, name+" is "+w, g)
	}
}

// name is a file name of this run's, with the ending that its purpose wants.
func (p *probe) name(ending string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return fmt.Sprintf("%s-%03d%s", p.tag, p.serial, ending)
}

// expiry is an hour, the shortest that there is.
func expiry() map[string]any { return map[string]any{"anchor": "created_at", "seconds": 3600} }

// line is one line of JSON: the content of nearly everything that is sent, because some
// servers look into some Files.
func line(n int) string { return fmt.Sprintf(`{"line":%d}`+"\n", n) }

// creation is the body that makes an Upload.
func (p *probe) creation(size int) map[string]any {
	return map[string]any{"filename": p.name(".jsonl"), "purpose": p.Purpose, "bytes": size, "mime_type": "text/jsonl", "expires_after": expiry()}
}

// create makes an Upload. A server that refuses expires_after is asked without.
func (p *probe) create(body map[string]any) *answer {
	if p.plain["/uploads"] {
		delete(body, "expires_after")
		return p.post("/uploads", body)
	}
	a := p.post("/uploads", body)
	if _, has := body["expires_after"]; a.ok() || !has || a.status >= 500 {
		return a
	}
	delete(body, "expires_after")
	again := p.post("/uploads", body)
	if !again.ok() {
		return a
	}
	p.plain["/uploads"] = true
	return again
}

// upload is one to be filled.
type upload struct {
	*probe
	id    string
	asked map[string]any // what it was made with
}

func (p *probe) upload(size int) *upload { return p.uploadAs(p.creation(size)) }

func (p *probe) uploadAs(body map[string]any) *upload {
	o := p.needs(p.create(body))
	if o.text("id") == "" {
		p.cannot("an Upload has no id")
	}
	return &upload{p, o.text("id"), body}
}

func (u *upload) path(what string) string { return "/uploads/" + u.id + "/" + what }

// send adds a Part, whatever comes of it.
func (u *upload) send(form *form) *answer { return u.do(form.request(u.path("parts"))) }

// part adds one and returns its id.
func (u *upload) part(data string) string {
	id := u.needs(u.send(dataForm(data))).text("id")
	if id == "" {
		u.cannot("a Part has no id")
	}
	return id
}

// finish completes, whatever comes of it.
func (u *upload) finish(ids ...string) *answer {
	return u.post(u.path("complete"), map[string]any{"part_ids": append([]string{}, ids...)})
}

// complete completes and returns the File.
func (u *upload) complete(ids ...string) object {
	f := u.needs(u.finish(ids...)).inner("file")
	if f.text("id") == "" {
		u.cannot("a completed Upload has no File with an id")
	}
	return f
}

// completed is an Upload of one Part that has been completed, and its File.
func (p *probe) completed() (*upload, object) {
	u := p.upload(len(line(1)))
	return u, u.complete(u.part(line(1)))
}

// file makes a File by a single request.
func (p *probe) file(purpose, content string) object {
	return p.needs(p.postFile(p.fileForm(purpose, content)))
}

// postFile sends a form that makes a File. A server that refuses expires_after is asked
// without.
func (p *probe) postFile(f *form) *answer {
	if p.plain["/files"] {
		return p.do(f.without("expires_after[anchor]", "expires_after[seconds]").request("/files"))
	}
	a := p.do(f.request("/files"))
	bare := f.without("expires_after[anchor]", "expires_after[seconds]")
	if a.ok() || a.status >= 500 || len(bare.fields) == len(f.fields) {
		return a
	}
	again := p.do(bare.request("/files"))
	if !again.ok() {
		return a
	}
	p.plain["/files"] = true
	return again
}

// content reads a File.
func (p *probe) content(id string) *answer { return p.get("/files/"+id+"/content", "") }

// reads wants a File to consist of these bytes.
func (p *probe) reads(f object, want, what string) {
	if f.text("id") == "" {
		p.cannot("there is no File with an id")
	}
	a := p.content(f.text("id"))
	if !a.ok() {
		p.cannot("GET /files/{id}/content answers %s", a)
	}
	if got := string(a.body); got != want {
		p.differs(a, what, difference(got, want))
	}
}

// difference says where two texts part.
func difference(got, want string) string {
	if len(got) <= 60 && len(want) <= 60 {
		return fmt.Sprintf("%q, not %q", got, want)
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d bytes, not %d; they differ from byte %d on", len(got), len(want), i)
}

// together sends requests at the same time and returns their answers in order; nil where
// there was none.
func (p *probe) together(all []*request) []*answer {
	answers := make([]*answer, len(all))
	var group sync.WaitGroup
	for i, r := range all {
		group.Go(func() { answers[i], _ = p.send(r) })
	}
	group.Wait()
	if p.stopped() {
		p.cannot("the run was interrupted")
	}
	return answers
}

// zeros is a body of n bytes.
func zeros(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte{'0'}, len(b)))
	return len(b), nil
}
