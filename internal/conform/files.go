package conform

import (
	"net/url"
	"slices"
	"time"
)

var fileChecks = []Check{
	{"files/create", "A File of a single request is taken, and answered with status 200.", SDK, refCreateFile, fileCreate},
	{"files/object", "A File has every key that the reference lists, with a value of its type.", SDK, refFile, fileObject},
	{"files/echo", "A File repeats the filename and the purpose that it was made with, and has its size.", SDK, refFile, fileEcho},
	{"files/clock", "created_at is in seconds of Unix time.", SDK, refFile, fileClock},
	{"files/id", "An id can stand in a path as it is.", SDK, refGetFile, fileID},
	{"files/status", "status is uploaded, processed or error: the .NET SDK throws on another.", SDK, pyStatus, fileStatus},
	{"files/processed", "status soon is processed: SDKs wait for that.", SDK, pyWait, fileProcessed},
	{"files/optional", "expires_at and status_details are absent, null, or of their type.", SDK, refFile, fileOptional},
	{"files/keys-exact", "A File has the nine keys that OpenAI's has, null where there is nothing to say.", Cosmetic, recFile, fileKeys},
	{"files/retrieve", "A File that is retrieved is the one that was made.", SDK, refGetFile, fileRetrieve},
	{"files/delete", "A deletion is answered with the id, object and deleted.", SDK, refDeleteFile, fileDelete},
	{"files/deleted", "A deleted File is gone: 404 when it is retrieved.", Data, refDeleteFile, fileDeleted},
	{"files/deleted-content", "The content of a deleted File is gone.", Data, refDeleteFile, fileDeletedContent},
	{"files/same-name", "Two Files of the same name are two, and neither changes the other.", Data, refCreateFile, fileSameName},
	{"files/purposes", "Each purpose of the reference is taken: assistants, batch, fine-tune, vision, user_data, evals.", Documented, refCreateFile, filePurposes},
	{"files/purpose-unknown", "An unknown purpose is refused.", Documented, refCreateFile, filePurposeUnknown},
	{"files/purpose-error", "The refusal of an unknown purpose names the parameter, as OpenAI's does.", Cosmetic, recPurposeError, filePurposeError},
	{"files/no-purpose", "A form without a purpose is refused.", Documented, refCreateFile, fileNoPurpose},
	{"files/no-file", "A form without a file is refused.", Documented, refCreateFile, fileNoFile},
	{"files/no-form", "A body that is not a form is refused.", Documented, refCreateFile, fileNoForm},
	{"files/unicode", "A filename beyond ASCII comes back as it was sent.", SDK, recName, fileUnicode},
	{"files/unicode-star", "A filename in the form filename*, which the .NET SDK sends, is understood.", SDK, recName, fileUnicodeStar},
	{"files/expires-after", "A File expires as long after its creation as expires_after says.", Documented, refCreateFile, fileExpires},
	{"files/expires-after-bounds", "expires_after of less than an hour or more than 30 days is refused.", Documented, refCreateFile, fileExpiresBounds},
	{"files/batch-expiry", "A File for batch expires after 30 days unless it is said otherwise.", Documented, refCreateFile, fileBatch},
}

// created is the answer to a form that has to make a File, of one line.
func (p *probe) created() *answer { return p.postFile(p.fileForm(p.Purpose, line(1))) }

func fileCreate(p *probe) { p.succeeds(p.created()) }

func fileObject(p *probe) {
	a := p.created()
	p.shaped(a, "", p.needs(a), fileShape)
}

func fileEcho(p *probe) {
	name := p.name(".jsonl")
	a := p.postFile(p.namedForm(name, p.Purpose, line(1)))
	f := p.needs(a)
	p.equal(a, "filename", f["filename"], name)
	p.equal(a, "purpose", f["purpose"], p.Purpose)
	p.equal(a, "bytes", f["bytes"], len(line(1)))
}

func fileClock(p *probe) {
	a := p.created()
	p.recent(a, p.needs(a))
}

func fileID(p *probe) {
	a := p.created()
	if id := p.needs(a).text("id"); id == "" || url.PathEscape(id) != id {
		p.differs(a, "an id of letters, digits, - and _", show(id))
	}
}

func fileStatus(p *probe) {
	a := p.created()
	if s := p.needs(a).text("status"); !slices.Contains([]string{"uploaded", "processed", "error"}, s) {
		p.differs(a, "uploaded, processed or error", show(s))
	}
}

func fileProcessed(p *probe) {
	a := p.created()
	f := p.needs(a)
	for range 5 {
		if s := f.text("status"); s == "processed" || s == "error" || s == "deleted" {
			return
		}
		p.sleep(time.Second, false)
		a = p.get("/files/"+f.text("id"), "")
		f = p.needs(a)
	}
	p.differs(a, "processed within 5 seconds", show(f["status"]))
}

func fileOptional(p *probe) {
	a := p.created()
	f := p.needs(a)
	for key, kind := range map[string]kind{"expires_at": aNumber, "status_details": aString} {
		if v := f[key]; v != nil && kindOfValue(v) != kind {
			p.differs(a, key+" is "+string(kind)+" or null", show(v))
		}
	}
}

func fileKeys(p *probe) {
	a := p.created()
	p.hasKeys(a, p.needs(a), "object", "id", "purpose", "filename", "bytes", "created_at", "expires_at", "status", "status_details")
}

func fileRetrieve(p *probe) {
	f := p.file(p.Purpose, line(1))
	a := p.get("/files/"+f.text("id"), "")
	p.sameFile(a, p.succeeds(a), f)
}

func fileDelete(p *probe) {
	f := p.file(p.Purpose, line(1))
	a := p.delete("/files/" + f.text("id"))
	o := p.succeeds(a)
	p.shaped(a, "", o, deletedShape)
	p.equal(a, "id", o["id"], f["id"])
	p.equal(a, "deleted", o["deleted"], true)
}

func (p *probe) deleted() string {
	f := p.file(p.Purpose, line(1))
	p.needs(p.delete("/files/" + f.text("id")))
	return f.text("id")
}

func fileDeleted(p *probe)        { p.gone(p.get("/files/"+p.deleted(), "")) }
func fileDeletedContent(p *probe) { p.gone(p.content(p.deleted())) }

func fileSameName(p *probe) {
	name := p.name(".jsonl")
	first := p.needs(p.postFile(p.namedForm(name, p.Purpose, line(1))))
	a := p.postFile(p.namedForm(name, p.Purpose, line(2)))
	if p.succeeds(a).text("id") == first.text("id") {
		p.differs(a, "two ids", "both are "+show(first["id"]))
	}
	p.reads(first, line(1), "the content of the first")
}

// samples are contents that fit purposes: a picture for vision.
var samples = map[string][2]string{
	"vision":     {".gif", "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"},
	"assistants": {".txt", "A line.\n"},
	"user_data":  {".txt", "A line.\n"},
	"fine-tune":  {".jsonl", `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}` + "\n"},
	"batch":      {".jsonl", `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{}}` + "\n"},
	"evals":      {".jsonl", `{"item":{"a":"b"}}` + "\n"},
}

func filePurposes(p *probe) {
	for _, purpose := range []string{"assistants", "batch", "fine-tune", "vision", "user_data", "evals"} {
		sample := samples[purpose]
		p.succeeds(p.postFile(p.namedForm(p.name(sample[0]), purpose, sample[1])))
	}
}

func filePurposeUnknown(p *probe) {
	p.refused(p.do(p.fileForm("world_domination", line(1)).request("/files")), "the purpose is unknown")
}

func filePurposeError(p *probe) {
	a := p.do(p.fileForm("world_domination", line(1)).request("/files"))
	p.equal(a, "status", a.status, 400)
	e := a.object().inner("error")
	p.equal(a, "error.type", e["type"], "invalid_request_error")
	p.equal(a, "error.param", e["param"], "purpose")
}

func fileNoPurpose(p *probe) {
	f := p.fileForm("", line(1)).without("purpose")
	p.refused(p.do(f.request("/files")), "there is no purpose")
}

func fileNoFile(p *probe) {
	f := p.fileForm(p.Purpose, "").without("file")
	p.refused(p.do(f.request("/files")), "there is no file")
}

func fileNoForm(p *probe) {
	p.refused(p.json("/files", "application/json", `{"purpose": "batch"}`), "it is not multipart/form-data")
}

func fileUnicode(p *probe) {
	name := p.name("-你好 né.jsonl")
	a := p.postFile(p.namedForm(name, p.Purpose, line(1)))
	p.equal(a, "filename", p.succeeds(a)["filename"], name)
}

func fileUnicodeStar(p *probe) {
	name := p.name("-你好.jsonl")
	f := p.fileForm(p.Purpose, line(1)).without("file")
	f.fields = append(f.fields, field{"file", `Content-Disposition: form-data; name=file; filename="=?utf-8?B?5L2g5aW9?="; filename*=utf-8''` + url.PathEscape(name), line(1)})
	a := p.postFile(f)
	p.equal(a, "filename", p.succeeds(a)["filename"], name)
}

func fileExpires(p *probe) {
	a := p.do(p.fileForm(p.Purpose, line(1)).request("/files"))
	p.lives(a, p.succeeds(a), 3600)
}

func fileExpiresBounds(p *probe) {
	for _, seconds := range []string{"3599", "2592001"} {
		f := p.fileForm(p.Purpose, line(1)).without("expires_after[seconds]")
		f.fields = slices.Insert(f.fields, 0, text("expires_after[seconds]", seconds))
		p.refused(p.do(f.request("/files")), "expires_after is "+seconds+" seconds")
	}
}

func fileBatch(p *probe) {
	f := p.fileForm("batch", samples["batch"][1]).without("expires_after[anchor]", "expires_after[seconds]")
	a := p.do(f.request("/files"))
	p.lives(a, p.needs(a), 2_592_000)
}
