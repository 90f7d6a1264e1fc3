package conform

import (
	"fmt"
	"net/http"
	"slices"
)

var authChecks = []Check{
	{"auth/no-key", "A request without a key is answered with 401.", Documented, refAuth, authNone},
	{"auth/wrong-key", "A wrong key is answered with 401.", Documented, refAuth, authWrong},
	{"auth/error", "The refusal of a key is JSON with error.message.", SDK, nodeError, authError},
	{"auth/code", "The code of the refusal of a key is invalid_api_key, as OpenAI's is.", Cosmetic, refErrorCodes, authCode},
	{"auth/wrong-key-sends", "A key is refused where something is sent, too.", Data, refAuth, authSend},
	{"auth/other-file", "The key of another project cannot see, read or delete a File.", Data, refAuth, authOtherFile},
	{"auth/other-list", "The list of another project does not have a File.", Data, refAuth, authOtherList},
	{"auth/other-upload", "The key of another project cannot add to an Upload, complete or cancel it.", Data, refAuth, authOtherUpload},
}

// A key that nobody has. It is used a handful of times in a run.
const wrongKey = "sk-uploadd-conform-this-is-not-a-key"

// as sends a request with another key, "" for none.
func (p *probe) as(key string, r *request) *answer {
	r.key = &key
	return p.do(r)
}

func (p *probe) listAs(key string) *answer {
	return p.as(key, &request{method: "GET", path: "/files", query: "limit=1"})
}

func (p *probe) unauthorized(a *answer) {
	if a.status != http.StatusUnauthorized {
		seen := a.String()
		if a.ok() {
			seen = "200: it lets in whoever asks"
		}
		p.differs(a, "status 401", seen)
	}
}

func authNone(p *probe)  { p.unauthorized(p.listAs("")) }
func authWrong(p *probe) { p.unauthorized(p.listAs(wrongKey)) }

// rejected is the answer to a wrong key, if there is one.
func (p *probe) rejected() *answer {
	a := p.listAs(wrongKey)
	if a.ok() {
		p.skip("the server takes any key")
	}
	return a
}

func authError(p *probe) { p.told(p.rejected()) }

func authCode(p *probe) {
	a := p.rejected()
	p.equal(a, "error.code", a.object().inner("error")["code"], "invalid_api_key")
}

func authSend(p *probe) {
	if p.listAs(wrongKey).ok() {
		p.skip("the server takes any key")
	}
	a := p.as(wrongKey, p.fileForm(p.Purpose, line(1)).request("/files"))
	p.unauthorized(a)
}

func (p *probe) other() string {
	if p.OtherKey == "" {
		p.skip("--other-key names no key of another project")
	}
	return p.OtherKey
}

// barred wants what belongs to somebody else to be out of reach.
func (p *probe) barred(a *answer) {
	if a.status != http.StatusNotFound && a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
		p.differs(a, "status 404, 403 or 401 to "+a.method+" "+kindOf(a.path), fmt.Sprint(a.status))
	}
}

func authOtherFile(p *probe) {
	key := p.other()
	path := "/files/" + p.file(p.Purpose, line(1)).text("id")
	p.barred(p.as(key, &request{method: "GET", path: path}))
	p.barred(p.as(key, &request{method: "GET", path: path + "/content"}))
	p.barred(p.as(key, &request{method: "DELETE", path: path}))
}

func authOtherList(p *probe) {
	key := p.other()
	id := p.file(p.Purpose, line(1)).text("id")
	a := p.as(key, &request{method: "GET", path: "/files", query: "limit=100"})
	files, _ := p.needs(a).list("data")
	if slices.Contains(ids(files), id) {
		p.differs(a, "no File of another project", "it is there")
	}
}

func authOtherUpload(p *probe) {
	key := p.other()
	u := p.upload(len(line(1)))
	id := u.part(line(1))
	p.barred(p.as(key, dataForm(line(2)).request(u.path("parts"))))
	complete := (&request{method: "POST", path: u.path("complete")}).withBody([]byte(`{"part_ids":["` + id + `"]}`))
	p.barred(p.as(key, complete.with("Content-Type", "application/json")))
	p.barred(p.as(key, &request{method: "POST", path: u.path("cancel")}))
}
