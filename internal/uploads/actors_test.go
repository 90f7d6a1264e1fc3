package uploads_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing/iotest"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// kind is one sort of actor. It is given the API of a project that holds a
// fixture: the domain's, its calls in a schedule, or the model's.
type kind struct {
	name  string
	needs needs
	do    func(p *party) (answer string, err error)
}

// needs is what of the fixture an actor uses; the rest is left out, because
// whoever looks at everything would make a step for each piece.
type needs int

const (
	needsOpen needs = 1 << iota // the pending Upload
	needsFile                   // the completed one
	needsDue                    // a blob in the bin that is due
)

// party is what an actor works with.
type party struct {
	r     *rig
	api   api.API
	fx    fixture
	model *uploadstest.Model // nil: the domain is asked
}

// leaseOfLate is the lease of the late writer, whom the janitor overtakes.
const leaseOfLate = 30 * time.Minute

var kinds = []kind{
	{"add", needsOpen, func(p *party) (string, error) { return p.add(p.api) }},
	{"complete", needsOpen, func(p *party) (string, error) { return p.complete("", p.fx.ab, p.fx.cd) }},
	{"complete with md5", needsOpen, func(p *party) (string, error) { return p.complete(openMD5, p.fx.ab, p.fx.cd) }},
	{"complete otherwise", needsOpen, func(p *party) (string, error) { return p.complete("", p.fx.cd, p.fx.ef) }},
	{"cancel", needsOpen, func(p *party) (string, error) { return "", second(p.api.CancelUpload(background, p.fx.open)) }},
	{"create a file", 0, func(p *party) (string, error) {
		f, err := p.api.CreateFile(background, p.source("mnop"), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "direct", Purpose: "vision"}, nil
		})
		if err != nil {
			return "", err
		}
		return f.ID, nil
	}},
	{"complete again", needsFile, func(p *party) (string, error) {
		u, err := p.api.CompleteUpload(background, p.fx.made, api.CompleteUploadRequest{PartIDs: p.fx.parts})
		if err != nil {
			return "", err
		}
		return u.File.ID, nil
	}},
	{"delete", needsFile, func(p *party) (string, error) { return "", second(p.api.DeleteFile(background, p.fx.file)) }},
	{"download", needsFile, func(p *party) (string, error) { return download(background, p.api, p.fx.file) }},
	{"reap", needsDue, func(p *party) (string, error) { return "", p.clean() }},
	{"expire", needsOpen, func(p *party) (string, error) { return "", errors.Join(p.pass(time.Hour), p.clean()) }},
	{"check", 0, func(p *party) (string, error) {
		if p.model != nil {
			return "", nil
		}
		return "", check(background, p.r.world, p.r.svc)
	}},
	{"add late", needsOpen, func(p *party) (string, error) {
		if p.model != nil {
			return p.add(p.api)
		}
		slow := *p.r.svc
		slow.Lease = leaseOfLate
		return p.add(uploads.New(slow.Config).For(p.r.project))
	}},
	{"outlast the lease", needsOpen, func(p *party) (string, error) {
		return "", errors.Join(p.pass(leaseOfLate+time.Minute), p.clean())
	}},
}

var background = context.Background()

func (p *party) add(a api.API) (string, error) {
	part, err := a.AddPart(background, p.fx.open, p.source("kl"))
	if err != nil {
		return "", err
	}
	return part.ID, nil
}

func (p *party) complete(md5 string, ids ...string) (string, error) {
	u, err := p.api.CompleteUpload(background, p.fx.open, api.CompleteUploadRequest{PartIDs: ids, MD5: md5})
	if err != nil {
		return "", err
	}
	return u.File.ID, nil
}

func (p *party) clean() error {
	if p.model != nil {
		p.model.Clean()
		return nil
	}
	return second(p.r.svc.Clean(background))
}

// pass lets time pass, which is a step of its own.
func (p *party) pass(d time.Duration) error {
	if p.model != nil {
		p.model.Now += int64(d / time.Second)
		return nil
	}
	return p.r.schedule.Hook("Clock.Pass", func() error { p.r.pass(d); return nil })
}

// source is a body whose arrival is a step of its own, in the middle of Put.
func (p *party) source(data string) io.Reader {
	r := iotest.DataErrReader(strings.NewReader(data))
	if p.model != nil {
		return r
	}
	return readerFunc(func(b []byte) (n int, err error) {
		p.r.schedule.Hook("Blobs.Source", func() error { n, err = r.Read(b); return nil })
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
