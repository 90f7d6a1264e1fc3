package transfer

import (
	"context"
	"fmt"

	"uploadd/api"
)

// complete asks for the File. An answer that was lost is asked for again: a
// server that refuses because it has made the File then tells so, or lists it.
func (c *call) complete(ctx context.Context, md5 string) (*api.File, error) {
	c.tell(Progress{Event: Completing})
	if err := c.journal.ask(); err != nil {
		return nil, err
	}
	req := api.CompleteUploadRequest{PartIDs: make([]string, len(c.parts)), MD5: md5}
	for i, p := range c.parts {
		req.PartIDs[i] = p.ID
	}
	lost := c.asked
	var up *api.Upload
	err := c.retry(ctx, nil, func(ctx context.Context) (err error) {
		up, err = c.Client.CompleteUpload(ctx, c.entry.UploadID, req)
		if err == nil && (up.File == nil || up.File.ID == "" || up.Status != api.StatusCompleted) {
			err = errNotOurs
		}
		lost = lost || err != nil && reached(err)
		return err
	})
	if err == nil {
		return c.check(up.File)
	}
	if !lost {
		return nil, err
	}
	if !refusal(err) {
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	file, known, look := c.find(ctx)
	switch {
	case look != nil:
		return nil, fmt.Errorf("%w: %w; %w", ErrUnknownOutcome, err, look)
	case file != nil:
		return c.check(file)
	case known:
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

// check holds the File against what was sent.
func (c *call) check(file *api.File) (*api.File, error) {
	if file.Bytes != c.plan.Size {
		return nil, fmt.Errorf("the server says that file %s has %d bytes, not the %d that were sent", file.ID, file.Bytes, c.plan.Size)
	}
	if file.Status == "error" {
		details := "no details"
		if file.StatusDetails != nil {
			details = *file.StatusDetails
		}
		return nil, fmt.Errorf("the server cannot use file %s: %s", file.ID, details)
	}
	return file, nil
}

// find looks for the File of an Upload whose completion may have succeeded.
// known is whether none means that there is none.
func (c *call) find(ctx context.Context) (file *api.File, known bool, err error) {
	var up *api.Upload
	err = c.retry(ctx, nil, func(ctx context.Context) (err error) {
		up, err = short(ctx, func(ctx context.Context) (*api.Upload, error) { return c.Client.GetUpload(ctx, c.entry.UploadID) })
		return err
	})
	if err == nil && up.ID == c.entry.UploadID {
		return up.File, true, nil
	}
	if err != nil && !unsupported(err) {
		return nil, false, err
	}
	// A File has the time of its Upload, at OpenAI's as far as has been seen. Another
	// one of this second, name and size would be a strange chance. One that came later
	// may be the File of a server that has it otherwise, or somebody else's. One that
	// was asked for just now may not be listed yet.
	var same, later []api.File
	err = c.eachFile(ctx, func(f *api.File) bool {
		if f.Filename == c.entry.UploadName && f.Bytes == c.plan.Size && f.CreatedAt >= c.entry.CreatedAt {
			if f.CreatedAt == c.entry.CreatedAt {
				same = append(same, *f)
			} else {
				later = append(later, *f)
			}
		}
		return f.CreatedAt >= c.entry.CreatedAt
	})
	switch {
	case err != nil:
		return nil, false, err
	case len(same) == 1:
		return &same[0], true, nil
	case len(same)+len(later) > 0:
		return nil, false, fmt.Errorf("file %s may be it", append(same, later...)[0].ID)
	}
	return nil, c.asked, nil
}

// eachFile calls do with the Files of the purpose, newest first, until it
// returns false.
func (c *call) eachFile(ctx context.Context, do func(*api.File) bool) error {
	for q := (api.ListQuery{Limit: 100, Order: "desc", Purpose: c.req.Purpose}); ; {
		var page *api.List[api.File]
		err := c.retry(ctx, nil, func(ctx context.Context) (err error) {
			page, err = short(ctx, func(ctx context.Context) (*api.List[api.File], error) { return c.Client.ListFiles(ctx, q) })
			return err
		})
		if err != nil {
			return err
		}
		for i := range page.Data {
			if !do(&page.Data[i]) {
				return nil
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			return nil
		}
		q.After = page.Data[len(page.Data)-1].ID
	}
}
