package conform

import (
	"net/http"
	"strings"
)

var errorChecks = []Check{
	{"errors/unknown-file", "An unknown File is answered with 404: when retrieved, deleted, or read.", SDK, recFileError, errorUnknownFile},
	{"errors/invalid", "The refusal of a bad request is JSON with error.message, which SDKs show.", SDK, nodeError, errorInvalid},
	{"errors/not-found", "The refusal of an unknown id is JSON with error.message.", SDK, nodeError, errorNotFound},
	{"errors/no-route", "The refusal of a path that does not exist is JSON with error.message.", SDK, nodeError, errorNoRoute},
	{"errors/form", "The refusal of a form with something missing is JSON with error.message.", SDK, nodeError, errorForm},
	{"errors/media", "Answers in JSON say so in Content-Type: the Go SDK reads no others.", SDK, goDecode, errorMedia},
	{"errors/four-keys", "An error has the four keys message, type, param and code, null where there is nothing to say.", Documented, refSchemas, errorKeys},
	{"errors/type", "The type of a bad request's error is invalid_request_error.", Cosmetic, recFileError, errorType},
	{"errors/message-file", "The error of an unknown File is OpenAI's: No such File object, with param id.", Cosmetic, recFileError, errorMessage},
	{"errors/final", "What cannot succeed is refused with a status that SDKs do not send again: not 408, 409, 429 or 5xx.", SDK, pyRetry, errorFinal},
	{"errors/request-id", "Answers have an x-request-id, errors too: SDKs show it.", Documented, refDebugging, errorRequestID},
}

// unknownFile is the id of none.
func (p *probe) unknownFile() string { return unlike(p.file(p.Purpose, line(1)).text("id")) }

func errorUnknownFile(p *probe) {
	id := p.unknownFile()
	p.gone(p.get("/files/"+id, ""))
	p.gone(p.delete("/files/" + id))
	p.gone(p.content(id))
}

// told wants an error in a form that SDKs can show.
func (p *probe) told(a *answer) object {
	if a.status < 400 {
		p.cannot("%s %s is answered with %d", a.method, kindOf(a.path), a.status)
	}
	e := a.object().inner("error")
	if e.text("message") == "" {
		p.differs(a, `{"error": {"message": …}}`, a.String())
	}
	return e
}

// badRequest has a purpose that is none.
func (p *probe) badRequest() *answer {
	body := p.creation(8)
	body["purpose"] = 7
	return p.post("/uploads", body)
}

func errorInvalid(p *probe)  { p.told(p.badRequest()) }
func errorNotFound(p *probe) { p.told(p.get("/files/"+p.unknownFile(), "")) }
func errorNoRoute(p *probe)  { p.told(p.get("/files/a/b/c", "")) }
func errorForm(p *probe)     { p.told(p.incomplete()) }

// incomplete is a form without a file.
func (p *probe) incomplete() *answer {
	return p.do(p.fileForm(p.Purpose, "").without("file").request("/files"))
}

func errorMedia(p *probe) {
	for _, a := range []*answer{p.created(), p.get("/files", "limit=1"), p.get("/files/"+p.unknownFile(), "")} {
		if media := a.media(); media != "application/json" && !strings.HasSuffix(media, "+json") {
			p.differs(a, "Content-Type is application/json", media+" of "+a.method+" "+kindOf(a.path))
		}
	}
}

func errorKeys(p *probe) {
	for _, a := range []*answer{p.incomplete(), p.get("/files/"+p.unknownFile(), "")} {
		e := p.told(a)
		for _, key := range []string{"message", "type", "param", "code"} {
			v, has := e[key]
			if _, isText := v.(string); !has || v != nil && !isText {
				p.differs(a, "error."+key+" is a string or null", show(e))
			}
		}
	}
}

func errorType(p *probe) {
	a := p.get("/files/"+p.unknownFile(), "")
	p.equal(a, "error.type", p.told(a)["type"], "invalid_request_error")
}

func errorMessage(p *probe) {
	id := p.unknownFile()
	a := p.get("/files/"+id, "")
	e := p.told(a)
	p.equal(a, "error.message", e["message"], "No such File object: "+id)
	p.equal(a, "error.param", e["param"], "id")
}

func errorFinal(p *probe) {
	done, _ := p.completed()
	open := p.upload(2 * len(line(1)))
	short := open.part(line(1))
	for _, a := range []*answer{
		open.finish(short),
		open.finish(short, unlike(short)),
		p.cancelled().send(dataForm(line(1))),
		done.send(dataForm(line(1))),
		done.finish("part_0"),
		p.badRequest(),
	} {
		if retried(a) {
			p.differs(a, "a refusal that is final", a.method+" "+kindOf(a.path)+": "+a.String())
		}
	}
}

// retried says whether an SDK would send the request again.
func retried(a *answer) bool {
	switch a.header.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	return a.status == http.StatusRequestTimeout || a.status == http.StatusConflict || a.status == http.StatusTooManyRequests || a.status >= 500
}

func errorRequestID(p *probe) {
	for _, a := range []*answer{p.get("/files", "limit=1"), p.get("/files/"+p.unknownFile(), "")} {
		if a.header.Get("X-Request-Id") == "" {
			p.differs(a, "a header x-request-id", "there is none with "+a.method+" "+kindOf(a.path))
		}
	}
}
