package uploads

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"uploadd/api"
)

func (t *tenant) CreateFile(ctx context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	flight, accounts, err := t.fly(ctx)
	if err != nil {
		return nil, err
	}
	defer flight.end()
	room, account, err := room(accounts)
	if err != nil {
		return nil, err
	}
	src := &measured{r: data, flight: flight, limit: min(t.MaxFile, room), tooLong: func(limit int64) error {
		if limit < t.MaxFile {
			return quotaError(&QuotaError{*account, "bytes"})
		}
		return api.Errorf(api.ErrTooLarge, "file",
			"File is too large. The maximum is %d bytes; use an Upload for a larger file.", limit).WithCode(api.CodeFileTooLarge)
	}}
	part, f := &Part{}, &File{}
	err = t.store(ctx, part, src, func() error {
		req, err := describe()
		if err != nil {
			return err
		}
		if err := req.Validate(); err != nil {
			return err
		}
		// Read back, as the purpose may have come behind the bytes.
		if err := t.validate(ctx, req.Purpose, "file", []Part{*part}); err != nil {
			return err
		}
		*f = File{
			ID:        newFileID(),
			Project:   t.caller.Project,
			Key:       t.caller.Key,
			Filename:  req.Filename,
			Purpose:   req.Purpose,
			Bytes:     part.Bytes,
			CRC32C:    part.CRC32C,
			CreatedAt: part.CreatedAt,
			ExpiresAt: expiry(part.CreatedAt, fileLife(req.Purpose, req.ExpiresAfter)),
			Parts:     1,
		}
		part.FileID = f.ID
		return t.Meta.CreateFile(ctx, f, part)
	})
	if err != nil {
		return nil, storeError(err)
	}
	return wireFile(f), nil
}

func (t *tenant) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	p, err := page(&q)
	if err != nil {
		return nil, err
	}
	if err := checkCursor(q.After, fileID); err != nil {
		return nil, err
	}
	fs, err := t.Meta.Files(ctx, t.caller.Project, p, t.now())
	if err != nil {
		return nil, listError(err, q)
	}
	return list(fs, q.Limit,
		func(f *File) api.File { return *wireFile(f) },
		func(f *api.File) string { return f.ID }), nil
}

func (t *tenant) GetFile(ctx context.Context, id string) (*api.File, error) {
	f, err := t.findFile(ctx, id)
	if err != nil {
		return nil, err
	}
	return wireFile(f), nil
}

func (t *tenant) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	if !fileID.MatchString(id) {
		return nil, noFile(id)
	}
	now := t.now()
	err := t.Meta.DeleteFile(ctx, t.caller, id, now, t.due(now))
	if errors.Is(err, ErrConflict) {
		return nil, noFile(id)
	}
	if err != nil {
		return nil, storeError(err)
	}
	return &api.DeletedFile{Object: "file", Deleted: true, ID: id}, nil
}

func (t *tenant) OpenFile(ctx context.Context, id string) (api.Content, error) {
	f, err := t.findFile(ctx, id)
	if err != nil {
		return nil, err
	}
	parts, err := t.Meta.FileParts(ctx, f.Project, f.ID)
	if err != nil {
		return nil, storeError(err)
	}
	c := newContent(ctx, t.Blobs, f, parts)
	c.remote = t.Remote
	// Damage that can be seen beforehand is an answer of its own; what is found
	// later can only break the download off.
	err = c.verifyWhole()
	if err == nil && !c.remote {
		err = c.verifySizes()
	}
	if err != nil {
		if _, gone := t.findFile(ctx, id); gone != nil {
			return nil, gone // deleted since it was looked up
		}
		return nil, storeError(err)
	}
	return c, nil
}

// findFile looks a File up, and says ErrNotFound as OpenAI does.
func (t *tenant) findFile(ctx context.Context, id string) (*File, error) {
	if !fileID.MatchString(id) {
		return nil, noFile(id)
	}
	f, err := t.Meta.File(ctx, t.caller.Project, id, t.now())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noFile(id)
	}
	return f, storeError(err)
}

func noFile(id string) error {
	return api.Errorf(api.ErrNotFound, "id", "No such File object: %s", clip(id))
}

func wireFile(f *File) *api.File {
	w := &api.File{
		Object:    "file",
		ID:        f.ID,
		Purpose:   f.Purpose,
		Filename:  f.Filename,
		Bytes:     f.Bytes,
		CreatedAt: f.CreatedAt,
		Status:    "processed",
	}
	if f.ExpiresAt != 0 {
		w.ExpiresAt = &f.ExpiresAt
	}
	return w
}
