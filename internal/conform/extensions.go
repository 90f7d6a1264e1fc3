package conform

import (
	"net/http"
	"strconv"
)

// What is beyond OpenAI's API. A server that does not have it is not at fault.

var extensionChecks = []Check{
	{"extensions/range", "A server that says it takes ranges gives the bytes that were asked for.", Data, rfcRange, extRange},
	{"extensions/head", "Where HEAD on content tells a length, it is the length of the content.", Documented, rfcHead, extHead},
	{"extensions/etag", "A server that gives an ETag knows it again: If-None-Match is answered with 304.", Documented, rfcETag, extETag},
	{"extensions/upload", "GET on an Upload tells its state.", Documented, extUploads, extUpload},
	{"extensions/parts", "GET on the Parts of an Upload lists them, with their sizes.", Documented, extUploads, extParts},
}

func extRange(p *probe) {
	f, a := p.contentOf()
	if a.header.Get("Accept-Ranges") != "bytes" {
		p.skip("the server does not say Accept-Ranges: bytes")
	}
	r := &request{method: "GET", path: "/files/" + f.text("id") + "/content"}
	a = p.do(r.with("Range", "bytes=2-5"))
	if want := line(1)[2:6]; a.status != http.StatusPartialContent || string(a.body) != want {
		p.differs(a, "status 206 and "+show(want), a.String())
	}
}

func extHead(p *probe) {
	f := p.file(p.Purpose, line(1))
	a := p.do(&request{method: "HEAD", path: "/files/" + f.text("id") + "/content"})
	if !a.ok() {
		p.skip("HEAD is answered with %d", a.status)
	}
	if a.length < 0 {
		p.skip("HEAD tells no Content-Length")
	}
	if a.length != int64(len(line(1))) {
		p.differs(a, "Content-Length is "+strconv.Itoa(len(line(1))), strconv.FormatInt(a.length, 10))
	}
}

func extETag(p *probe) {
	f, a := p.contentOf()
	tag := a.header.Get("ETag")
	if tag == "" {
		p.skip("the server gives no ETag")
	}
	r := &request{method: "GET", path: "/files/" + f.text("id") + "/content"}
	if a = p.do(r.with("If-None-Match", tag)); a.status != http.StatusNotModified {
		p.differs(a, "status 304", strconv.Itoa(a.status))
	}
}

func extUpload(p *probe) {
	u := p.upload(len(line(1)))
	a := p.get("/uploads/"+u.id, "")
	if !a.ok() {
		p.skip("GET on an Upload is answered with %d", a.status)
	}
	p.equal(a, "id", a.object()["id"], u.id)
	p.equal(a, "status", a.object()["status"], "pending")
}

func extParts(p *probe) {
	u := p.upload(len(line(1)))
	id := u.part(line(1))
	a := p.get(u.path("parts"), "")
	if !a.ok() {
		p.skip("GET on Parts is answered with %d", a.status)
	}
	parts, _ := a.object().list("data")
	if len(parts) != 1 {
		p.differs(a, "1 Part", strconv.Itoa(len(parts)))
	}
	p.equal(a, "id", parts[0]["id"], id)
	p.equal(a, "bytes", parts[0]["bytes"], len(line(1)))
}
