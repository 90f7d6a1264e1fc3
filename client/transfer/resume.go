package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"uploadd/api"
)

// wanted is the entry that an Upload for this call has in its journal.
func (c *call) wanted() entry {
	e := entry{
		Version:  journalVersion,
		Server:   c.Client.BaseURL(),
		Source:   c.src.Identity,
		State:    c.src.state,
		Filename: c.req.Filename,
		Purpose:  c.req.Purpose,
		Size:     c.plan.Size,
		PartSize: c.plan.PartSize,
	}
	if c.req.ExpiresAfter != nil {
		e.FileLife = c.req.ExpiresAfter.Seconds
	}
	return e
}

var errEnded = errors.New("the Upload begun earlier has ended, or is not as this one is to be")

// resume takes over what an earlier call has left, and says whether there was
// something of use. A Part counts only if the server or the journal has its
// checksum, and the source still has those bytes.
func (c *call) resume(ctx context.Context, st *state) (bool, error) {
	if st == nil {
		return false, nil
	}
	c.entry, c.asked = st.entry, st.asked
	c.plan = cut(st.Size, st.PartSize)
	c.parts = make([]arrived, c.plan.Parts)
	err := c.usable(st)
	if err == nil {
		err = c.takeOver(ctx, st)
	}
	if errors.Is(err, ErrChanged) || errors.Is(err, errEnded) {
		return false, c.restart(ctx, err)
	}
	return err == nil, err
}

// usable says what speaks against the Upload as such.
func (c *call) usable(st *state) error {
	now := c.wanted()
	switch {
	case st.State != now.State || st.Size != c.src.Size:
		return fmt.Errorf("%w: it is not what it was when its Upload began", ErrChanged)
	case st.asked:
		return nil // whether the File is there must be found out, however late it is
	case st.FileLife != now.FileLife, time.Now().After(st.Ends), c.PartSize != 0 && c.PartSize != st.PartSize:
		return errEnded
	}
	return nil
}

// takeOver finds the Parts that have arrived.
func (c *call) takeOver(ctx context.Context, st *state) error {
	there, known, err := c.listParts(ctx)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	for i := range c.parts {
		p, noted := st.parts[i]
		if !noted {
			continue
		}
		info, listed := there[p.ID]
		if known && !listed {
			continue // the server has lost it, or has ended the Upload
		}
		delete(there, p.ID)
		sum, err := c.sum(ctx, i, buf)
		if err != nil {
			return err
		}
		_, length := c.plan.part(i)
		if sum != p.CRC32C || listed && (info.CRC32C != sum || info.Bytes != length) {
			return fmt.Errorf("%w: part %d is not what was sent", ErrChanged, i+1)
		}
		c.take(i, p)
	}
	return c.adopt(ctx, there, buf)
}

// adopt looks for Parts that arrived without this being noted: those being sent
// when the earlier call was cut off. Two Parts may have the same checksum, so
// the MD5 of the whole must be there to stand for them.
func (c *call) adopt(ctx context.Context, there map[string]api.PartInfo, buf []byte) error {
	if c.NoMD5 {
		return nil
	}
	ids := map[[2]string]string{}
	for id, info := range there {
		ids[[2]string{fmt.Sprint(info.Bytes), info.CRC32C}] = id
	}
	// They were sent in order, so all are among the first that are missing.
	left := max(c.Parallel, mostParallel)
	for i := 0; i < len(c.parts) && len(ids) > 0 && left > 0; i++ {
		if c.parts[i].ID != "" {
			continue
		}
		left--
		sum, err := c.sum(ctx, i, buf)
		if err != nil {
			return err
		}
		_, length := c.plan.part(i)
		key := [2]string{fmt.Sprint(length), sum}
		id, ok := ids[key]
		if !ok {
			continue
		}
		delete(ids, key) // a Part is named once
		p := arrived{Index: i, ID: id, CRC32C: sum}
		if err := c.journal.add(p); err != nil {
			return err
		}
		c.take(i, p)
	}
	return nil
}

func (c *call) take(i int, p arrived) {
	_, length := c.plan.part(i)
	c.parts[i] = p
	c.bytes.Add(length)
	c.done.Add(1)
}

// listParts asks the server what it has. known is false for one that does not
// tell: the list is an extension, and OpenAI has none.
func (c *call) listParts(ctx context.Context) (there map[string]api.PartInfo, known bool, err error) {
	there = map[string]api.PartInfo{}
	for q := (api.ListQuery{Order: "asc"}); ; {
		var page *api.List[api.PartInfo]
		err := c.retry(ctx, nil, func(ctx context.Context) (err error) {
			page, err = short(ctx, func(ctx context.Context) (*api.List[api.PartInfo], error) {
				return c.Client.ListParts(ctx, c.entry.UploadID, q)
			})
			return err
		})
		if unsupported(err) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		for _, p := range page.Data {
			there[p.ID] = p
		}
		if !page.HasMore || len(page.Data) == 0 {
			return there, true, nil
		}
		q.After = page.Data[len(page.Data)-1].ID
	}
}

// unsupported says whether err is how a server without an extension answers. An
// Upload that is gone may have the same answer; the next request tells.
func unsupported(err error) bool {
	var refused *api.Error
	return errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed)
}
