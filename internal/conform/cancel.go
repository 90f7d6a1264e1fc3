package conform

var cancelChecks = []Check{
	{"cancel/cancelled", "A cancellation without a body is answered with the Upload, whose status is cancelled.", SDK, refCancel, cancelCancelled},
	{"cancel/object", "A cancelled Upload has every key that the reference lists.", SDK, refUpload, cancelObject},
	{"cancel/typed", "A cancellation that announces JSON and sends none, as the Python SDK does, is taken.", SDK, pyRetry, cancelTyped},
	{"cancel/no-file", "A cancelled Upload becomes no File.", Documented, refCancel, cancelNoFile},
	{"cancel/completed", "Cancelling a completed Upload does not take its File away.", Data, refComplete, cancelCompleted},
	{"cancel/twice", "Cancelling twice is no failure of the server's.", SDK, pyRetry, cancelTwice},
	{"cancel/unknown-upload", "Cancelling an Upload that does not exist is answered with 404.", Documented, refCancel, cancelUnknown},
}

func cancelCancelled(p *probe) {
	a := p.cancel(p.upload(len(line(1))))
	p.equal(a, "status", p.succeeds(a)["status"], "cancelled")
}

func cancelObject(p *probe) {
	a := p.cancel(p.upload(len(line(1))))
	p.needs(a)
	p.shaped(a, "", a.object(), uploadShape)
}

func cancelTyped(p *probe) {
	u := p.upload(len(line(1)))
	r := (&request{method: "POST", path: u.path("cancel")}).withBody(nil)
	p.succeeds(p.do(r.with("Content-Type", "application/json")))
}

func cancelNoFile(p *probe) {
	u := p.upload(len(line(1)))
	u.part(line(1))
	a := p.cancel(u)
	if f := p.needs(a)["file"]; f != nil {
		p.differs(a, "no file", "file is "+show(f))
	}
}

func cancelCompleted(p *probe) {
	u, f := p.completed()
	p.cancel(u)
	a := p.get("/files/"+f.text("id"), "")
	if !a.ok() {
		p.differs(a, "the File", a.String())
	}
}

func cancelTwice(p *probe) {
	u := p.cancelled()
	if a := p.cancel(u); !a.ok() {
		p.refused(a, "it is cancelled already")
	}
}

func cancelUnknown(p *probe) {
	p.gone(p.do(&request{method: "POST", path: "/uploads/" + p.unknownUpload() + "/cancel"}))
}
