package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"uploadd/api"
)

// settling is for how long a File may take to be listed that was received just
// before its connection broke.
const settling = 10 * time.Second

// lookBack is how much older than the newest File it may be, in seconds.
const lookBack = 3600

var errNotHere = errors.New("the answer was lost, and the file is not there")

// single sends the source by one request, as a File at once. Such a request
// cannot be repeated safely once it may have reached the server, so if its
// answer is lost the list of Files is looked at:
//
//   - one with this name and these bytes, by its checksum, is the File (if it
//     was there before, it is as good);
//   - if no File has this name and size, some seconds later, it did not arrive,
//     and the source goes by an Upload, whose outcome can be found out;
//   - if one has and the server does not tell its checksum, as OpenAI does not,
//     the outcome is unknown.
func (c *call) single(ctx context.Context) (*api.File, error) {
	if err := c.gate.enter(ctx); err != nil {
		return nil, err
	}
	c.tell(Progress{Event: Started})
	file, err := c.createFile(ctx)
	if err != nil {
		c.gate.leave(0)
	} else {
		c.gate.leave(c.plan.Size)
	}
	if errors.Is(err, errNotHere) {
		c.plan = cut(c.plan.Size, c.plan.PartSize)
		c.tell(Progress{Event: Restarted, Err: err})
		return c.upload(ctx)
	}
	if err == nil {
		file, err = c.check(file)
	}
	if err != nil {
		return nil, err
	}
	c.done.Add(1)
	c.tell(Progress{Event: PartDone})
	c.tell(Progress{Event: Done, File: file})
	return file, nil
}

// steady says whether every server keeps a name as it is, so that a File can be
// found by it. Some cut paths off, and some do not take every letter.
func steady(filename string) bool {
	return filename != "" && strings.Trim(filename, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// createFile makes the request until its outcome is known.
func (c *call) createFile(ctx context.Context) (file *api.File, err error) {
	describe := func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: c.req.Filename, Purpose: c.req.Purpose, ExpiresAfter: c.req.ExpiresAfter}, nil
	}
	var sent int64
	var lost bool
	err = c.retry(ctx, &sent, func(ctx context.Context) error {
		b, err := c.withBody(ctx, 0, c.plan.Size, func(ctx context.Context, b *body) (err error) {
			if file, err = c.Client.CreateFile(ctx, b, describe); err == nil && file.ID == "" {
				err = errNotOurs
			}
			return err
		})
		sent += b.sent
		switch {
		case err == nil:
			return c.unlessChanged(ctx, file)
		case b.whole() && reached(err):
			lost = true
			if file, err = c.lookFor(ctx, fmt.Sprintf("%08x", b.crc), err); err == nil && c.src.Changed != nil {
				if err = c.src.Changed(); err != nil {
					err = fmt.Errorf("%w: file %s may be it; %w", ErrUnknownOutcome, file.ID, err)
				}
			}
		}
		return err
	})
	if err != nil && lost && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return file, err
}

// unlessChanged takes a File back that was made of a source in change.
func (c *call) unlessChanged(ctx context.Context, file *api.File) error {
	if c.src.Changed == nil {
		return nil
	}
	err := c.src.Changed()
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, left := c.Client.DeleteFile(ctx, file.ID); left != nil {
			err = fmt.Errorf("%w; file %s, made of it, could not be deleted: %w", err, file.ID, left)
		}
	}
	return err
}

// lookFor looks for the File of a request whose answer was lost.
func (c *call) lookFor(ctx context.Context, crc string, cause error) (*api.File, error) {
	patience := c.settling
	if patience == 0 {
		patience = settling
	}
	for wait := time.Duration(0); wait <= patience; wait = max(2*wait, patience/8) {
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, cause)
		}
		var alike []api.File
		var newest int64 // as late as the File at least, by the server's clock
		err := c.eachFile(ctx, func(f *api.File) bool {
			newest = max(newest, f.CreatedAt)
			if f.Filename == c.req.Filename && f.Bytes == c.plan.Size {
				alike = append(alike, *f)
			}
			return f.CreatedAt > newest-lookBack
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w; %w", ErrUnknownOutcome, cause, err)
		}
		untold := 0
		for i := range alike {
			switch sum, told := c.sumOf(ctx, alike[i].ID); {
			case !told:
				untold++
			case sum == crc:
				return &alike[i], nil
			}
		}
		if untold > 0 {
			return nil, fmt.Errorf("%w: %w; file %s may be it", ErrUnknownOutcome, cause, alike[0].ID)
		}
	}
	return nil, errNotHere
}

// sumOf asks for the checksum of a File, which OpenAI does not tell.
func (c *call) sumOf(ctx context.Context, id string) (sum string, told bool) {
	content, err := c.Client.OpenFile(ctx, id)
	if err != nil {
		return "", false
	}
	defer content.Close() // only read from
	if _, err := content.Read(make([]byte, 1)); err != nil {
		return "", false
	}
	crc, told := content.CRC32C()
	return fmt.Sprintf("%08x", crc), told
}
