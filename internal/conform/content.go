package conform

import (
	"mime"
	"strings"
)

var contentChecks = []Check{
	{"content/bytes", "The content of a File is what was sent, byte for byte.", Data, refContent, contentBytes},
	{"content/binary", "The content of a File keeps every byte: NUL, line ends, what looks like a boundary.", Data, refContent, contentBinary},
	{"content/accept", "Content comes whatever the SDK says that it accepts: application/binary, text/plain.", SDK, pyAccept, contentAccept},
	{"content/type", "Content is no JSON for the SDKs, which the Ruby SDK would parse.", SDK, rubyUtil, contentType},
	{"content/octets", "Content is application/octet-stream, as OpenAI's is.", Cosmetic, recContent, contentOctets},
	{"content/disposition", "Content is an attachment with the filename of the File, as OpenAI's is.", Cosmetic, recContent, contentDisposition},
}

func contentBytes(p *probe) {
	text := strings.Repeat(line(1), 40) // more than one line, less than a packet
	p.reads(p.file(p.Purpose, text), text, "the bytes as they were sent")
}

func contentBinary(p *probe) {
	p.reads(p.succeeds(p.postFile(p.fileForm(p.Purpose, awkward))), awkward, "the bytes as they were sent")
}

func contentAccept(p *probe) {
	f := p.file(p.Purpose, line(1))
	for _, accept := range []string{"application/binary", "text/plain"} {
		r := &request{method: "GET", path: "/files/" + f.text("id") + "/content"}
		if a := p.do(r.with("Accept", accept)); !a.ok() {
			p.differs(a, "status 200 with Accept: "+accept, a.String())
		}
	}
}

// contentOf is the answer with the content of some File.
func (p *probe) contentOf() (object, *answer) {
	f := p.file(p.Purpose, line(1))
	a := p.content(f.text("id"))
	if !a.ok() {
		p.cannot("GET /files/{id}/content answers %s", a)
	}
	return f, a
}

func contentType(p *probe) {
	_, a := p.contentOf()
	if media := a.media(); media == "application/json" || strings.HasSuffix(media, "+json") || strings.Contains(media, "jsonl") {
		p.differs(a, "a Content-Type that is not JSON", media)
	}
}

func contentOctets(p *probe) {
	_, a := p.contentOf()
	p.equal(a, "Content-Type", a.media(), "application/octet-stream")
}

func contentDisposition(p *probe) {
	f, a := p.contentOf()
	disposition, values, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
	if err != nil || disposition != "attachment" || values["filename"] != f.text("filename") {
		p.differs(a, "Content-Disposition is attachment with "+show(f["filename"]), show(a.header.Get("Content-Disposition")))
	}
}
