package transfer

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"uploadd/api"
)

// call is the sending of one source.
type call struct {
	*Uploader
	*engine
	src  Source
	req  Request
	plan Plan

	journal *journal  // nil: none
	entry   entry     // of the journal; without an UploadID there is no Upload yet
	parts   []arrived // by index; those without an ID are to be sent
	// asked is that the File may have been asked for, by an earlier call.
	asked bool

	bytes atomic.Int64 // that were sent, or were there
	done  atomic.Int64 // Parts that have arrived
	good  atomic.Int64 // when something last moved, in Unix nanoseconds
}

// upload sends the source as an Upload: the one of an earlier call if it can,
// else a new one.
func (c *call) upload(ctx context.Context) (*api.File, error) {
	var earlier *state
	if c.Journal != "" && c.src.Identity != "" {
		var err error
		if c.journal, earlier, err = openJournal(c.Journal, c.wanted()); err != nil {
			return nil, err
		}
		defer c.journal.close()
	}
	resumed, err := c.resume(ctx, earlier)
	if err != nil {
		return nil, c.incomplete(err)
	}
	file, err := c.send(ctx)
	if resumed && useless(err) {
		// It has ended meanwhile, or holds what it should not.
		if err := c.restart(ctx, err); err != nil {
			return nil, err
		}
		file, err = c.send(ctx)
	}
	if err != nil {
		return nil, c.leave(ctx, err)
	}
	c.tell(Progress{Event: Done, File: file})
	// If it stays, it says that the File was asked for: another call finds it.
	_ = c.journal.remove()
	return file, nil
}

// send sends what has not arrived and asks for the File.
func (c *call) send(ctx context.Context) (*api.File, error) {
	if c.entry.UploadID == "" {
		if err := c.create(ctx); err != nil {
			return nil, err
		}
		c.tell(Progress{Event: Started})
	} else {
		c.tell(Progress{Event: Resumed})
	}
	md5, err := c.sendParts(ctx)
	if err == nil && c.src.Changed != nil {
		err = c.src.Changed()
	}
	if err == nil && md5 == "" {
		err = c.compare(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c.complete(ctx, md5)
}

// create opens an Upload. One whose answer was lost is nobody's, and expires.
func (c *call) create(ctx context.Context) error {
	req := api.CreateUploadRequest{
		Filename:     c.req.Filename,
		Purpose:      c.req.Purpose,
		Bytes:        c.plan.Size,
		MimeType:     c.req.MimeType,
		ExpiresAfter: c.req.ExpiresAfter,
	}
	var up *api.Upload
	err := c.retry(ctx, nil, func(ctx context.Context) (err error) {
		up, err = short(ctx, func(ctx context.Context) (*api.Upload, error) { return c.Client.CreateUpload(ctx, req) })
		if err == nil && up.ID == "" {
			err = errNotOurs
		}
		return err
	})
	if err != nil {
		return err
	}
	c.entry = c.wanted()
	c.entry.UploadID, c.entry.UploadName, c.entry.CreatedAt = up.ID, up.Filename, up.CreatedAt
	life := time.Hour // the API's own, for a server that does not tell
	if up.ExpiresAt > up.CreatedAt {
		life = time.Duration(up.ExpiresAt-up.CreatedAt) * time.Second
	}
	c.entry.Ends = time.Now().Add(life) // by the clock of this machine, which asks for it
	c.parts = make([]arrived, c.plan.Parts)
	if err := c.journal.begin(c.entry); err != nil {
		c.abandon(ctx)
		c.entry = entry{}
		return err
	}
	return nil
}

// errNotOurs is an answer that has the shape of JSON and nothing in it.
var errNotOurs = errors.New("the server's answer is not one of this API")

// short makes a request that the server has no reason to take long for.
func short[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return do(ctx)
}

// leave ends a call that failed. What another one can go on with stays.
func (c *call) leave(ctx context.Context, err error) error {
	switch {
	case c.entry.UploadID == "":
		return errors.Join(err, c.journal.remove())
	case errors.Is(err, ErrUnknownOutcome):
	case useless(err) || c.journal == nil:
		c.abandon(ctx)
		return errors.Join(err, c.journal.remove())
	}
	return c.incomplete(err)
}

// incomplete is the error of a call that has left something.
func (c *call) incomplete(err error) error {
	e := &Incomplete{UploadID: c.entry.UploadID, Total: c.plan.Size, Resumable: c.journal != nil, Err: err}
	for i, p := range c.parts {
		if p.ID != "" {
			_, length := c.plan.part(i)
			e.Bytes += length
		}
	}
	return e
}

// restart gives up what an earlier call has sent.
func (c *call) restart(ctx context.Context, why error) error {
	c.abandon(ctx)
	c.entry, c.parts, c.asked = entry{}, nil, false
	c.bytes.Store(0)
	c.done.Store(0)
	c.plan, _ = c.Plan(c.src.Size) // which was fine when the call began
	c.tell(Progress{Event: Restarted, Err: why})
	return c.journal.clear()
}

// abandon gives the Upload up, so that its Parts take no room until it expires.
// That is all it is for: a failure changes nothing.
func (c *call) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = c.Client.CancelUpload(ctx, c.entry.UploadID)
}

// useless says whether err means that the Upload will never become the File:
// the source has changed, or the server does not want it. A key that is refused
// may be replaced by another one.
func useless(err error) bool {
	if errors.Is(err, ErrUnknownOutcome) {
		return false
	}
	if errors.Is(err, ErrChanged) || errors.Is(err, errDamaged) {
		return true
	}
	var refused *api.Error
	return errors.As(err, &refused) && refusal(err) &&
		refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden && refused.Status != http.StatusTooManyRequests
}

// moved counts bytes on their way.
func (c *call) moved(n int64) {
	c.bytes.Add(n)
	c.good.Store(time.Now().UnixNano())
	c.report.sent(func() Progress { return c.fill(Progress{Event: Sent}) })
}

func (c *call) tell(p Progress) { c.report.event(func() Progress { return c.fill(p) }) }

// fill says of p whom it is about, and how far that is.
func (c *call) fill(p Progress) Progress {
	p.Name, p.UploadID = c.src.Name, c.entry.UploadID
	p.Bytes, p.Total = c.bytes.Load(), c.plan.Size
	p.Parts, p.PartsTotal = int(c.done.Load()), c.plan.Parts
	return p
}
