package conform

import (
	"strings"
)

var partChecks = []Check{
	{"parts/add", "A Part is taken, and answered with status 200.", SDK, refAddPart, partAdd},
	{"parts/object", "A Part has every key that the reference lists, with a value of its type.", SDK, refPart, partObject},
	{"parts/upload-id", "A Part names the Upload that it was added to.", SDK, refPart, partUpload},
	{"parts/keys-exact", "A Part has the keys that OpenAI's has, and no others.", Cosmetic, refPart, partKeys},
	{"parts/any-size", "Parts may have any size up to the largest: 1 byte, too, and not only the last.", SDK, pyHelper, partSizes},
	{"parts/parallel", "Eight Parts added at the same time are all taken, and nothing is lost.", Data, refAddPart, partParallel},
	{"parts/same-bytes", "Two Parts of the same bytes are two Parts, and both count.", Data, refComplete, partSame},
	{"parts/again", "A Part that an SDK sent again, because the answer was lost, does no harm.", Data, pyRetry, partAgain},
	{"parts/unused", "A Part that the completion does not name is not in the File.", Data, refComplete, partUnused},
	{"parts/binary", "Every byte of a Part is kept: NUL, line ends, what looks like a boundary.", Data, refAddPart, partBinary},
	{"parts/no-form", "A body that is not a form is refused.", Documented, refAddPart, partNoForm},
	{"parts/no-data", "A form without the field data is refused: some versions of the Node SDK leave it out silently.", SDK, nodeForm, partNoData},
	{"parts/other-field", "A form with the field file instead of data is refused.", Documented, refAddPart, partOtherField},
	{"parts/unknown-upload", "A Part for an Upload that does not exist is answered with 404.", Documented, refAddPart, partUnknown},
	{"parts/after-complete", "No Part can be added to a completed Upload.", Documented, refComplete, partAfterComplete},
	{"parts/after-cancel", "No Part can be added to a cancelled Upload.", Documented, refCancel, partAfterCancel},
	{"parts/expect", "Expect: 100-continue, which curl sends, is heeded.", SDK, rfcExpect, partExpect},
}

func partAdd(p *probe) { p.succeeds(p.upload(len(line(1))).send(dataForm(line(1)))) }

func partObject(p *probe) {
	a := p.upload(len(line(1))).send(dataForm(line(1)))
	p.needs(a)
	p.shaped(a, "", a.object(), partShape)
}

func partUpload(p *probe) {
	u := p.upload(len(line(1)))
	a := u.send(dataForm(line(1)))
	p.equal(a, "upload_id", p.needs(a)["upload_id"], u.id)
}

func partKeys(p *probe) {
	a := p.upload(len(line(1))).send(dataForm(line(1)))
	p.hasKeys(a, p.needs(a), "id", "object", "created_at", "upload_id")
}

func partSizes(p *probe) {
	text := line(1) + line(2)
	u := p.upload(len(text))
	cuts := []string{text[:1], text[1:2], text[2:12], text[12:]}
	ids := []string{}
	for _, data := range cuts {
		ids = append(ids, p.succeeds(u.send(dataForm(data))).text("id"))
	}
	a := u.finish(ids...)
	p.reads(p.succeeds(a).inner("file"), text, "the four Parts, of which two have 1 byte")
}

func partParallel(p *probe) {
	const n = 8
	want := ""
	for i := range n {
		want += line(i)
	}
	u := p.upload(len(want))
	var all []*request
	for i := range n {
		all = append(all, dataForm(line(i)).request(u.path("parts")))
	}
	ids := []string{}
	for _, a := range p.together(all) {
		if a == nil {
			p.differs(nil, "8 answers to 8 Parts at a time", "a connection was cut")
		}
		ids = append(ids, p.succeeds(a).text("id"))
	}
	p.reads(p.succeeds(u.finish(ids...)).inner("file"), want, "the 8 Parts in the order of part_ids")
}

func partSame(p *probe) {
	u := p.upload(2 * len(line(1)))
	first, second := u.part(line(1)), u.part(line(1))
	if first == second {
		p.differs(nil, "two ids", "both are "+show(first))
	}
	p.reads(p.succeeds(u.finish(first, second)).inner("file"), line(1)+line(1), "the same line twice")
}

func partAgain(p *probe) {
	u := p.upload(2 * len(line(1)))
	u.part(line(1))
	again := dataForm(line(1))
	again.retry = "1"
	second := p.succeeds(u.send(again)).text("id")
	p.reads(p.succeeds(u.finish(second, u.part(line(2)))).inner("file"), line(1)+line(2), "each line once")
}

func partUnused(p *probe) {
	u := p.upload(2 * len(line(1)))
	first := u.part(line(1))
	u.part(line(7))
	a := u.finish(first, u.part(line(2)))
	p.reads(p.succeeds(a).inner("file"), line(1)+line(2), "the two Parts that were named")
}

// awkward has every byte, and what a careless reader of forms or of text changes.
var awkward = func() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	// A line that begins with the whole boundary would end the field (RFC 2046, 5.1.1).
	return "\r\n--" + plainBoundary[:len(plainBoundary)-1] + "\r\n\n\r\r\n\x00" + b.String() + "\r\n--" + plainBoundary[:9] + "\r\n--\r\n"
}()

func partBinary(p *probe) {
	half := len(awkward) / 2
	u := p.upload(len(awkward))
	f := u.complete(u.part(awkward[:half]), u.part(awkward[half:]))
	p.reads(f, awkward, "the bytes as they were sent")
}

func partNoForm(p *probe) {
	u := p.upload(len(line(1)))
	p.refused(p.json(u.path("parts"), "application/octet-stream", line(1)), "it is not multipart/form-data")
}

func partNoData(p *probe) {
	u := p.upload(len(line(1)))
	p.refused(u.send(&form{}), "there is no field data")
}

func partOtherField(p *probe) {
	u := p.upload(len(line(1)))
	p.refused(u.send(&form{fields: []field{binary("file", "upload", line(1))}}), "there is no field data")
}

// unknownUpload is the id of none: that of one which was made, with its end changed.
func (p *probe) unknownUpload() string { return unlike(p.upload(len(line(1))).id) }

// unlike is an id of the same form that nobody has.
func unlike(id string) string {
	n := len(id) - min(len(id), 12)
	return id[:n] + strings.Repeat("0", len(id)-n)
}

func partUnknown(p *probe) {
	p.gone(p.do(dataForm(line(1)).request("/uploads/" + p.unknownUpload() + "/parts")))
}

func partAfterComplete(p *probe) {
	u, _ := p.completed()
	p.refused(u.send(dataForm(line(1))), "the Upload is completed")
}

func (p *probe) cancelled() *upload {
	u := p.upload(len(line(1)))
	p.needs(p.cancel(u))
	return u
}

func (p *probe) cancel(u *upload) *answer {
	return p.do(&request{method: "POST", path: u.path("cancel")})
}

func partAfterCancel(p *probe) {
	p.refused(p.cancelled().send(dataForm(line(1))), "the Upload is cancelled")
}

func partExpect(p *probe) {
	f := dataForm(line(1))
	f.expect = true
	u := p.upload(len(line(1)))
	id := p.succeeds(u.send(f)).text("id")
	p.reads(p.succeeds(u.finish(id)).inner("file"), line(1), "the Part")
}
