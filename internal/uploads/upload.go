package uploads

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"uploadd/api"
)

// An Upload's states. Nothing leaves a final one.
//
//	pending ──complete──► completed
//	   │ ├────cancel────► cancelled
//	   │ └────expire────► expired
//	   └─ AddPart, and a completion that fails, stay here
//
// Each arrow is one compare-and-swap in Meta, which decides every race. A
// pending Upload whose time is up is expired for everybody as soon as anybody has
// been told so, or the janitor has been there.

func (t *tenant) CreateUpload(ctx context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if req.Bytes > t.MaxUpload {
		return nil, api.Errorf(api.ErrInvalid, "bytes",
			"Invalid value for 'bytes': %d is more than the maximum of %d.", req.Bytes, t.MaxUpload)
	}
	now := t.now()
	u := &Upload{
		ID:        newHexID(uploadPrefix),
		Project:   t.caller.Project,
		Key:       t.caller.Key,
		Filename:  req.Filename,
		Purpose:   req.Purpose,
		MimeType:  req.MimeType,
		Bytes:     req.Bytes,
		Status:    string(api.StatusPending),
		CreatedAt: now,
		ExpiresAt: now + int64((t.UploadTTL+time.Second-1)/time.Second),
		FileLife:  fileLife(req.Purpose, req.ExpiresAfter),
	}
	if err := t.Meta.CreateUpload(ctx, u); err != nil {
		return nil, storeError(err)
	}
	return wireUpload(u, nil, now), nil
}

func (t *tenant) GetUpload(ctx context.Context, id string) (*api.Upload, error) {
	u, err := t.findUpload(ctx, id)
	if err != nil {
		return nil, err
	}
	return t.describe(ctx, u)
}

func (t *tenant) ListUploads(ctx context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	p, err := page(&q)
	if err != nil {
		return nil, err
	}
	if err := checkCursor(q.After, uploadID); err != nil {
		return nil, err
	}
	us, err := t.Meta.Uploads(ctx, t.caller.Project, p)
	if err != nil {
		return nil, listError(err, q)
	}
	now := t.now()
	if slices.ContainsFunc(us, func(u Upload) bool { return overdue(&u, now) }) {
		if err := t.expire(ctx, now); err != nil {
			return nil, storeError(err)
		}
		if us, err = t.Meta.Uploads(ctx, t.caller.Project, p); err != nil {
			return nil, listError(err, q)
		}
	}
	// The File of a completed Upload is left out here: one look-up for each
	// would make a page of 10,000 slow.
	return list(us, q.Limit,
		func(u *Upload) api.Upload { return *wireUpload(u, nil, now) },
		func(u *api.Upload) string { return u.ID }), nil
}

func (t *tenant) CancelUpload(ctx context.Context, id string) (*api.Upload, error) {
	u, err := t.findUpload(ctx, id)
	if err != nil {
		return nil, err
	}
	now := t.now()
	err = t.Meta.Cancel(ctx, t.caller.Project, id, now, t.due(now))
	if errors.Is(err, ErrConflict) {
		if u, err = t.findUpload(ctx, id); err != nil {
			return nil, err
		}
		if status(u, now) != api.StatusCancelled {
			return nil, stateError(u, now, "it can be cancelled only while it is pending")
		}
	} else if err != nil {
		return nil, storeError(err)
	}
	u.Status = string(api.StatusCancelled)
	return wireUpload(u, nil, now), nil
}

// findUpload looks an Upload up, and says ErrNotFound in the caller's terms.
func (t *tenant) findUpload(ctx context.Context, id string) (*Upload, error) {
	if !uploadID.MatchString(id) {
		return nil, noUpload(id)
	}
	u, err := t.Meta.Upload(ctx, t.caller.Project, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && t.caller.OwnUploads && u.Key != t.caller.Key {
		return nil, noUpload(id)
	}
	if now := t.now(); err == nil && overdue(u, now) {
		if err := t.expire(ctx, now); err != nil {
			return nil, storeError(err)
		}
		u, err = t.Meta.Upload(ctx, t.caller.Project, id)
	}
	return u, storeError(err)
}

func noUpload(id string) error {
	return api.Errorf(api.ErrNotFound, "upload_id", "No such Upload object: %s", clip(id))
}

// overdue says whether u has expired, and its record does not say so yet.
func overdue(u *Upload, now int64) bool {
	return u.Status == string(api.StatusPending) && now >= u.ExpiresAt
}

// expire records what is overdue before anybody is told: a completion that looked
// at its clock a moment earlier may be on its way, and one of the two must win
// for everybody.
func (t *tenant) expire(ctx context.Context, now int64) error {
	return repeat(func() (int, error) { return t.Meta.Expire(ctx, now, t.due(now), janitorBatch) })
}

// describe is the Upload as the wire shows it, with its File if it has one
// that still exists.
func (t *tenant) describe(ctx context.Context, u *Upload) (*api.Upload, error) {
	now := t.now()
	if u.FileID == "" {
		return wireUpload(u, nil, now), nil
	}
	f, err := t.Meta.File(ctx, t.caller.Project, u.FileID, now)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, storeError(err)
	}
	return wireUpload(u, f, now), nil
}

// status is the state of u at now.
func status(u *Upload, now int64) api.Status {
	if overdue(u, now) {
		return api.StatusExpired
	}
	return api.Status(u.Status)
}

// stateError says that u is not in the state that an operation needs. For the
// error to name the state, u must have been read after the operation failed.
func stateError(u *Upload, now int64, rule string) error {
	return api.Errorf(api.ErrState, "upload_id", "Upload %s is %s: %s.", u.ID, status(u, now), rule)
}

// conflict explains a lost compare-and-swap on the pending Upload id.
func (t *tenant) conflict(ctx context.Context, id, rule string) error {
	u, err := t.findUpload(ctx, id)
	if err != nil {
		return err
	}
	now := t.now()
	if status(u, now) == api.StatusPending {
		// The step's clock was past the end and ours, a step later, is not: it
		// was set back between them. Trying again will do.
		return api.Errorf(api.ErrUnavailable, "", "Upload %s could not be changed. Please try again.", id).WithRetryAfter(1)
	}
	return stateError(u, now, rule)
}

func wireUpload(u *Upload, f *File, now int64) *api.Upload {
	w := &api.Upload{
		ID:        u.ID,
		Object:    "upload",
		Bytes:     u.Bytes,
		CreatedAt: u.CreatedAt,
		Filename:  u.Filename,
		Purpose:   u.Purpose,
		Status:    status(u, now),
		ExpiresAt: u.ExpiresAt,
	}
	if f != nil {
		w.File = wireFile(f)
	}
	return w
}

// fileLife is how many seconds a File lives, 0 for ever.
func fileLife(purpose string, e *api.ExpiresAfter) int64 {
	switch {
	case e != nil:
		return e.Seconds
	case purpose == "batch":
		return api.BatchFileLife
	}
	return 0
}

// checkCursor refuses an after that is not the id of a listed object.
func checkCursor(after string, shape *regexp.Regexp) error {
	if after == "" || shape.MatchString(after) {
		return nil
	}
	return api.Errorf(api.ErrInvalid, "after", "Invalid value for 'after': '%s' is not the id of an object in this list.", clip(after))
}

// clip bounds an id that came from outside, for a message. It is shown as it
// came, apart from what would spoil a log line or a terminal.
func clip(id string) string {
	const most = 100
	out := []rune{}
	for _, r := range id {
		if len(out) == most {
			return string(out) + "..."
		}
		if r < ' ' || r == 0x7f {
			r = '\uFFFD'
		}
		out = append(out, r)
	}
	return string(out)
}
