package conform

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

var completeChecks = []Check{
	{"complete/completed", "A completion is answered with the Upload, whose status is completed.", SDK, refComplete, completeCompleted},
	{"complete/file", "A completed Upload has its File inside.", SDK, refComplete, completeFile},
	{"complete/file-object", "The File of a completed Upload has every key that the reference lists.", SDK, refFile, completeObject},
	{"complete/file-echo", "The File has the filename, the purpose and the size of its Upload.", SDK, refComplete, completeEcho},
	{"complete/retrieve", "The File can be retrieved like any other, and is the same.", SDK, refComplete, completeRetrieve},
	{"complete/listed", "The File is in the list of Files.", Documented, refComplete, completeListed},
	{"complete/order", "The order of part_ids is the order of the bytes, whatever the order of arrival.", Data, refComplete, completeOrder},
	{"complete/bytes-short", "Parts of fewer bytes than were declared are refused.", Data, refComplete, completeShort},
	{"complete/bytes-long", "Parts of more bytes than were declared are refused, when added or at completion.", Data, refComplete, completeLong},
	{"complete/unknown-part", "A part id that does not exist is refused.", Data, refComplete, completeUnknownPart},
	{"complete/other-part", "A Part of another Upload is refused.", Data, refComplete, completeOtherPart},
	{"complete/same-part-twice", "An id that is named twice is refused, or its bytes count twice: the size is never wrong.", Data, refComplete, completePartTwice},
	{"complete/no-part-ids", "A completion without part_ids is refused.", Documented, refComplete, completeNoIDs},
	{"complete/md5", "The right md5 is taken.", SDK, refComplete, completeMD5},
	{"complete/md5-wrong", "A wrong md5 is refused.", Data, refComplete, completeMD5Wrong},
	{"complete/twice", "A completion that is sent again, as SDKs do when an answer is lost, makes no second File.", Data, pyRetry, completeTwice},
	{"complete/together", "Two completions at the same time make one File.", Data, refComplete, completeTogether},
	{"complete/cancelled", "A cancelled Upload cannot be completed.", Documented, refCancel, completeCancelled},
	{"complete/unknown-upload", "Completing an Upload that does not exist is answered with 404.", Documented, refComplete, completeUnknown},
	{"complete/expires-after", "The File expires as long after its creation as expires_after says.", Documented, refCreateUpload, completeExpires},
	{"complete/batch-expiry", "A File for batch expires after 30 days unless it is said otherwise.", Documented, refCreateFile, completeBatch},
}

// finished is the answer to a completion that has to succeed, of one line.
func (p *probe) finished() (*upload, *answer) {
	u := p.upload(len(line(1)))
	return u, u.finish(u.part(line(1)))
}

func completeCompleted(p *probe) {
	_, a := p.finished()
	p.equal(a, "status", p.succeeds(a)["status"], "completed")
}

func completeFile(p *probe) {
	_, a := p.finished()
	if p.needs(a).inner("file").text("id") == "" {
		p.differs(a, "file is a File", "file is "+show(a.object()["file"]))
	}
}

func completeObject(p *probe) {
	_, a := p.finished()
	f := p.needs(a).inner("file")
	if f == nil {
		p.cannot("there is no File")
	}
	p.shaped(a, "file.", f, fileShape)
}

func completeEcho(p *probe) {
	u, a := p.finished()
	f := p.needs(a).inner("file")
	for _, key := range []string{"filename", "purpose", "bytes"} {
		p.equal(a, "file."+key, f[key], u.asked[key])
	}
}

func completeRetrieve(p *probe) {
	_, f := p.completed()
	a := p.get("/files/"+f.text("id"), "")
	p.sameFile(a, p.succeeds(a), f)
}

// sameFile wants two descriptions of one File to agree. status and its details may change.
func (p *probe) sameFile(a *answer, got, want object) {
	for _, key := range []string{"id", "object", "bytes", "created_at", "filename", "purpose", "expires_at"} {
		p.equal(a, key, got[key], want[key])
	}
}

func completeListed(p *probe) {
	_, f := p.completed()
	if _, _, found := p.lookFor("", f.text("id")); !found {
		p.differs(nil, "the File in the list", "it is not there")
	}
}

func completeOrder(p *probe) {
	want := line(3) + line(1) + line(2)
	u := p.upload(len(want))
	first, second, third := u.part(line(1)), u.part(line(2)), u.part(line(3))
	a := u.finish(third, first, second)
	p.reads(p.succeeds(a).inner("file"), want, "the third Part, the first and the second")
}

func completeShort(p *probe) {
	u := p.upload(2 * len(line(1)))
	p.refused(u.finish(u.part(line(1))), "the Parts have half of the bytes")
}

func completeLong(p *probe) {
	u := p.upload(len(line(1)))
	first := u.part(line(1))
	a := u.send(dataForm(line(2)))
	if !a.ok() {
		p.refused(a, "the Parts have twice the bytes")
		return
	}
	p.refused(u.finish(first, a.object().text("id")), "the Parts have twice the bytes")
}

func completeUnknownPart(p *probe) {
	u := p.upload(len(line(1)))
	p.refused(u.finish(unlike(u.part(line(1)))), "there is no such Part")
}

func completeOtherPart(p *probe) {
	other := p.upload(len(line(1)))
	id := other.part(line(1))
	u := p.upload(len(line(2)))
	u.part(line(2))
	p.refused(u.finish(id), "the Part is another Upload's")
}

func completePartTwice(p *probe) {
	u := p.upload(2 * len(line(1)))
	id := u.part(line(1))
	u.part(line(2))
	a := u.finish(id, id)
	if !a.ok() {
		p.refused(a, "the id is named twice")
		return
	}
	p.reads(a.object().inner("file"), line(1)+line(1), "the Part twice, since the completion was taken")
}

func completeNoIDs(p *probe) {
	u := p.upload(len(line(1)))
	u.part(line(1))
	p.refused(p.post(u.path("complete"), map[string]any{}), "part_ids is missing")
}

// finishMD5 completes with the MD5 of some text.
func (p *probe) finishMD5(text string) *answer {
	u := p.upload(len(line(1)))
	sum := md5.Sum([]byte(text))
	return p.post(u.path("complete"), map[string]any{"part_ids": []string{u.part(line(1))}, "md5": hex.EncodeToString(sum[:])})
}

func completeMD5(p *probe)      { p.succeeds(p.finishMD5(line(1))) }
func completeMD5Wrong(p *probe) { p.refused(p.finishMD5(line(2)), "the md5 is that of other bytes") }

func completeTwice(p *probe) {
	u := p.upload(len(line(1)))
	id := u.part(line(1))
	f := u.complete(id)
	a := u.finish(id)
	if !a.ok() {
		p.refused(a, "it is completed already, unless the answer is the same again")
		return
	}
	p.equal(a, "file.id", a.object().inner("file")["id"], f["id"])
}

func completeTogether(p *probe) {
	u := p.upload(len(line(1)))
	ids, err := json.Marshal(map[string]any{"part_ids": []string{u.part(line(1))}})
	if err != nil {
		panic(err) // of our own making
	}
	again := func() *request {
		r := &request{method: "POST", path: u.path("complete")}
		return r.withBody(ids).with("Content-Type", "application/json")
	}
	files, any := map[string]bool{}, (*answer)(nil)
	for _, a := range p.together([]*request{again(), again()}) {
		if a != nil && a.ok() {
			files[a.object().inner("file").text("id")], any = true, a
		}
	}
	if len(files) != 1 {
		p.differs(any, "one File", fmt.Sprintf("%d", len(files)))
	}
}

func completeCancelled(p *probe) {
	u := p.upload(len(line(1)))
	id := u.part(line(1))
	p.needs(p.cancel(u))
	p.refused(u.finish(id), "the Upload is cancelled")
}

func completeUnknown(p *probe) {
	p.gone(p.post("/uploads/"+p.unknownUpload()+"/complete", map[string]any{"part_ids": []string{"part_0"}}))
}

func completeExpires(p *probe) {
	_, f := p.completed()
	if p.plain["/uploads"] {
		p.cannot("the server does not take expires_after")
	}
	p.lives(nil, f, 3600)
}

// lives wants a File to expire so many seconds after its creation.
func (p *probe) lives(a *answer, f object, seconds int64) {
	created, _ := f.number("created_at")
	expires, ok := f.number("expires_at")
	if !ok || expires-created != seconds {
		p.differs(a, fmt.Sprintf("expires_at is created_at and %d seconds", seconds),
			fmt.Sprintf("created_at %s, expires_at %s", show(f["created_at"]), show(f["expires_at"])))
	}
}

func completeBatch(p *probe) {
	body := p.creation(len(line(1)))
	body["purpose"] = "batch"
	delete(body, "expires_after")
	u := p.uploadAs(body)
	a := u.finish(u.part(line(1)))
	p.lives(a, p.needs(a).inner("file"), 2_592_000)
}
