package conform

import (
	"fmt"
	"time"
)

var uploadChecks = []Check{
	{"uploads/create", "A valid request makes an Upload, answered with status 200.", SDK, refCreateUpload, uploadCreate},
	{"uploads/object", "An Upload has every key that the reference lists, with a value of its type.", SDK, refUpload, uploadObject},
	{"uploads/pending", "A new Upload is pending.", SDK, refCreateUpload, uploadPending},
	{"uploads/echo", "An Upload repeats the filename, purpose and bytes that it was made with.", SDK, refUpload, uploadEcho},
	{"uploads/no-file-yet", "An Upload has no File before it is completed: the key is absent or null.", Documented, refUpload, uploadNoFile},
	{"uploads/clock", "created_at is in seconds of Unix time.", SDK, refUpload, uploadClock},
	{"uploads/expires-at", "An Upload expires an hour after it was created; Azure's after two.", Documented, refCreateUpload, uploadExpires},
	{"uploads/keys-exact", "An Upload has the keys that OpenAI's has, and no others.", Cosmetic, recUpload, uploadKeys},
	{"uploads/own-ids", "Two Uploads made alike are two, with ids of their own.", Data, refCreateUpload, uploadIDs},
	{"uploads/purposes", "Each purpose of the reference is taken: assistants, batch, fine-tune, vision.", Documented, refCreateUpload, uploadPurposes},
	{"uploads/purposes-sdk", "The purposes that the SDKs' types have besides are taken: user_data, evals.", SDK, pyPurposes, uploadPurposesSDK},
	{"uploads/purpose-unknown", "An unknown purpose is refused.", Documented, refCreateUpload, uploadPurposeUnknown},
	{"uploads/required", "A request without one of filename, purpose, bytes and mime_type is refused.", Documented, refCreateUpload, uploadRequired},
	{"uploads/types", "A value of the wrong type is refused.", Documented, refCreateUpload, uploadTypes},
	{"uploads/mime-short", "mime_type may be \"txt\", as in the Python SDK's own example.", SDK, pyExample, uploadMime},
	{"uploads/unicode", "A filename beyond ASCII comes back as it was sent.", SDK, refCreateUpload, uploadUnicode},
	{"uploads/large-number", "An Upload of more than 2^32 bytes can be begun, and its size comes back exactly.", Documented, refCreateUpload, uploadLarge},
	{"uploads/limit", "An Upload of 10 GB is refused: 8 GB is the most, and 9 GB Azure's.", Cosmetic, refCreateUpload, uploadLimit},
	{"uploads/expires-after", "expires_after is taken.", Documented, refCreateUpload, uploadExpiresAfter},
	{"uploads/expires-after-bounds", "expires_after of less than an hour, of more than 30 days, or from another anchor is refused.", Documented, refCreateUpload, uploadExpiresBounds},
	{"uploads/invalid-json", "A body that is not JSON is refused.", Documented, refCreateUpload, uploadInvalid},
	{"uploads/curl", "The reference's curl example works, which sends JSON without saying so.", Cosmetic, refCreateUpload, uploadCurl},
	{"uploads/not-a-file", "A pending Upload is not in the list of Files.", Documented, refCreateUpload, uploadNotListed},
}

func uploadCreate(p *probe) { p.succeeds(p.create(p.creation(8))) }

func uploadObject(p *probe) {
	a := p.create(p.creation(8))
	p.needs(a)
	p.shaped(a, "", a.object(), uploadShape)
}

func uploadPending(p *probe) {
	a := p.create(p.creation(8))
	p.equal(a, "status", p.needs(a)["status"], "pending")
}

func uploadEcho(p *probe) {
	want := p.creation(8)
	a := p.create(want)
	o := p.needs(a)
	for _, key := range []string{"filename", "purpose", "bytes"} {
		p.equal(a, key, o[key], want[key])
	}
}

func uploadNoFile(p *probe) {
	a := p.create(p.creation(8))
	if f := p.needs(a)["file"]; f != nil {
		p.differs(a, "no file", "file is "+show(f))
	}
}

func uploadClock(p *probe) {
	a := p.create(p.creation(8))
	p.recent(a, p.needs(a))
}

// recent wants created_at to be about now, in seconds. Clocks may be a day apart.
func (p *probe) recent(a *answer, o object) {
	n, ok := o.number("created_at")
	if off := time.Since(time.Unix(n, 0)); !ok || off.Abs() > 24*time.Hour {
		p.differs(a, fmt.Sprintf("created_at is about %d", time.Now().Unix()), show(o["created_at"]))
	}
}

func uploadExpires(p *probe) {
	a := p.create(p.creation(8))
	o := p.needs(a)
	life := int64(3600)
	if p.Azure {
		life *= 2
	}
	created, _ := o.number("created_at")
	expires, _ := o.number("expires_at")
	if expires-created != life {
		p.differs(a, fmt.Sprintf("expires_at is created_at and %d seconds", life), fmt.Sprintf("%d seconds", expires-created))
	}
}

func uploadKeys(p *probe) {
	a := p.create(p.creation(8))
	p.hasKeys(a, p.needs(a), "id", "object", "bytes", "created_at", "filename", "purpose", "status", "expires_at")
}

func uploadIDs(p *probe) {
	body := p.creation(8)
	first := p.uploadAs(body)
	a := p.create(body)
	if p.needs(a).text("id") == first.id {
		p.differs(a, "two ids", "both are "+show(first.id))
	}
}

// mimes are types that belong to purposes; others take any.
var mimes = map[string][2]string{"vision": {".png", "image/png"}, "assistants": {".txt", "text/plain"}, "user_data": {".txt", "text/plain"}}

func (p *probe) takesPurposes(purposes ...string) {
	for _, purpose := range purposes {
		body := p.creation(8)
		body["purpose"] = purpose
		if m, ok := mimes[purpose]; ok {
			body["filename"], body["mime_type"] = p.name(m[0]), m[1]
		}
		p.succeeds(p.create(body))
	}
}

func uploadPurposes(p *probe)    { p.takesPurposes("assistants", "batch", "fine-tune", "vision") }
func uploadPurposesSDK(p *probe) { p.takesPurposes("user_data", "evals") }

func uploadPurposeUnknown(p *probe) {
	body := p.creation(8)
	body["purpose"] = "world_domination"
	p.refused(p.post("/uploads", body), "the purpose is unknown")
}

func uploadRequired(p *probe) {
	for _, key := range []string{"filename", "purpose", "bytes", "mime_type"} {
		body := p.creation(8)
		delete(body, key)
		p.refused(p.post("/uploads", body), key+" is missing")
	}
}

func uploadTypes(p *probe) {
	for key, wrong := range map[string]any{"bytes": "many", "filename": []int{1}, "purpose": map[string]int{}} {
		body := p.creation(8)
		body[key] = wrong
		p.refused(p.post("/uploads", body), key+" is "+show(wrong))
	}
}

func uploadMime(p *probe) {
	body := p.creation(8)
	body["filename"], body["mime_type"] = p.name(".txt"), "txt"
	p.succeeds(p.create(body))
}

func uploadUnicode(p *probe) {
	body := p.creation(8)
	body["filename"] = p.name("-你好 né.jsonl")
	a := p.create(body)
	p.equal(a, "filename", p.succeeds(a)["filename"], body["filename"])
}

func uploadLarge(p *probe) {
	const size = 5<<30 + 1
	a := p.create(p.creation(size))
	p.equal(a, "bytes", p.succeeds(a)["bytes"], size)
}

func uploadLimit(p *probe) {
	p.refused(p.post("/uploads", p.creation(10_000_000_000)), "it is too large")
}

func uploadExpiresAfter(p *probe) { p.succeeds(p.post("/uploads", p.creation(8))) }

func uploadExpiresBounds(p *probe) {
	for _, wrong := range []map[string]any{
		{"anchor": "created_at", "seconds": 3599}, {"anchor": "created_at", "seconds": 2_592_001}, {"anchor": "last_active_at", "seconds": 3600},
	} {
		body := p.creation(8)
		body["expires_after"] = wrong
		p.refused(p.post("/uploads", body), "expires_after is "+show(wrong))
	}
}

// json sends a text as JSON of a type.
func (p *probe) json(path, media, body string) *answer {
	r := (&request{method: "POST", path: path}).withBody([]byte(body))
	return p.do(r.with("Content-Type", media))
}

func uploadInvalid(p *probe) {
	p.refused(p.json("/uploads", "application/json", `{"filename": "`+p.name(".jsonl")), "the body breaks off")
}

func uploadCurl(p *probe) {
	body := `{"purpose": "` + p.Purpose + `", "filename": "` + p.name(".jsonl") + `", "bytes": 8, "mime_type": "text/jsonl", "expires_after": {"anchor": "created_at", "seconds": 3600}}`
	p.succeeds(p.json("/uploads", "application/x-www-form-urlencoded", body))
}

func uploadNotListed(p *probe) {
	u := p.upload(8)
	a := p.get("/files", "limit=20")
	files, _ := p.needs(a).list("data")
	for _, f := range files {
		if f.text("filename") == u.asked["filename"] {
			p.differs(a, "no File", "there is "+show(f.text("id")))
		}
	}
}
