package transfer

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/sync/errgroup"

	"uploadd/api"
)

// sendParts sends the Parts that have not arrived, in their order, several at a
// time, and returns the MD5 of all; "" if there is to be none.
func (c *call) sendParts(ctx context.Context) (sum string, err error) {
	group, ctx := errgroup.WithContext(ctx)
	begun := make(chan int, c.plan.Parts)
	group.Go(func() error {
		defer close(begun)
		for i := range c.parts {
			if c.parts[i].ID == "" {
				if err := c.gate.enter(ctx); err != nil {
					return err
				}
				group.Go(func() error { return c.sendPart(ctx, i) })
			}
			begun <- i
		}
		return nil
	})
	if !c.NoMD5 {
		group.Go(func() (err error) {
			sum, err = c.digest(ctx, begun)
			return err
		})
	}
	err = group.Wait() // which is when sum is there
	return sum, err
}

// sendPart sends one Part and leaves the gate.
func (c *call) sendPart(ctx context.Context, i int) error {
	var taken int64
	defer func() { c.gate.leave(taken) }()
	offset, length := c.plan.part(i)
	var part *api.Part
	var sent int64
	var crc uint32
	err := c.retry(ctx, &sent, func(ctx context.Context) error {
		b, err := c.withBody(ctx, offset, length, func(ctx context.Context, b *body) (err error) {
			if part, err = c.Client.AddPart(ctx, c.entry.UploadID, b); err == nil && part.ID == "" {
				err = errNotOurs
			}
			return err
		})
		sent += b.sent
		crc = b.crc
		return err
	})
	if err != nil {
		return fmt.Errorf("part %d of %d: %w", i+1, c.plan.Parts, err)
	}
	taken = length
	c.parts[i] = arrived{Index: i, ID: part.ID, CRC32C: fmt.Sprintf("%08x", crc)}
	if err := c.journal.add(c.parts[i]); err != nil {
		return err
	}
	c.done.Add(1)
	c.tell(Progress{Event: PartDone})
	return nil
}

var errDamaged = errors.New("what arrived is not what was sent")

// compare holds the checksums of what arrived against those of what was sent, if
// the server tells them. Both are there at no cost, where an MD5 is expensive.
func (c *call) compare(ctx context.Context) error {
	there, known, err := c.listParts(ctx)
	if err != nil || !known {
		return err
	}
	for i, p := range c.parts {
		// One that is not there any more is for the completion to tell.
		if got, ok := there[p.ID]; ok && got.CRC32C != p.CRC32C {
			return fmt.Errorf("%w: part %d of %d has the CRC32C %s, not %s", errDamaged, i+1, c.plan.Parts, got.CRC32C, p.CRC32C)
		}
	}
	return nil
}

// digest computes the MD5 of the source. Parts are sent several at a time, and
// MD5 goes from the first byte to the last, so it reads for itself: each Part
// when its sending has begun, so that the two share the page cache and a disk is
// read once.
func (c *call) digest(ctx context.Context, begun <-chan int) (string, error) {
	h := md5.New()
	buf := make([]byte, 256<<10)
	for i := range begun {
		if err := c.read(ctx, i, h, buf); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sum is the checksum of a Part as the source has it now.
func (c *call) sum(ctx context.Context, i int, buf []byte) (string, error) {
	h := crc32.New(castagnoli)
	if err := c.read(ctx, i, h, buf); err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x", h.Sum32()), nil
}

func (c *call) read(ctx context.Context, i int, to io.Writer, buf []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err := io.CopyBuffer(to, struct{ io.Reader }{c.section(c.plan.part(i))}, buf)
	return err
}
