package transfer

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errStalled is why a request was given up that moved nothing for too long.
var errStalled = errors.New("nothing moved for too long")

// sourceError is one of the caller's own bytes: no other attempt helps.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return fmt.Sprintf("reading what is to be sent: %v", e.err) }
func (e *sourceError) Unwrap() error { return e.err }

// section is length bytes of src from offset on. Those of a source that ends
// before them are not there any more.
type section struct {
	*io.SectionReader
	offset int64
}

func (c *call) section(offset, length int64) section {
	return section{io.NewSectionReader(c.src, offset, length), offset}
}

func (s section) Read(p []byte) (int, error) {
	n, err := s.SectionReader.Read(p)
	if err == io.EOF {
		if at, _ := s.Seek(0, io.SeekCurrent); at < s.Size() { // it is there, so it can tell
			return n, fmt.Errorf("%w: it ends at byte %d now", ErrChanged, s.offset+at)
		}
		return n, err
	}
	if err != nil {
		return n, &sourceError{err}
	}
	return n, nil
}

// body is the bytes of one request on their way. It counts and sums what is
// read, at the Uploader's pace, and ends the request when nothing moves.
type body struct {
	section
	ctx  context.Context
	call *call
	idle *time.Timer

	mu   sync.Mutex // held by Read
	sent int64
	crc  uint32
}

// withBody makes a request with bytes of the source. The context of do ends
// when nothing was taken for a third of the patience, or nothing was answered
// for all of it. When it returns the body is not read any more.
func (c *call) withBody(ctx context.Context, offset, length int64, do func(context.Context, *body) error) (*body, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &body{section: c.section(offset, length), ctx: ctx, call: c}
	b.idle = time.AfterFunc(c.patience()/3, func() { cancel(errStalled) })
	err := do(ctx, b)
	if err != nil && context.Cause(ctx) == errStalled {
		err = errStalled
	}
	cancel(nil)
	b.mu.Lock() // a Read that the transport has left behind ends first
	defer b.mu.Unlock()
	b.idle.Stop()
	if err != nil {
		c.bytes.Add(-b.sent)
	}
	return b, err
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	b.idle.Stop() // the time that this takes is not the network's
	if err := b.call.pace.wait(b.ctx, int(min(int64(len(p)), b.Size()-b.sent))); err != nil {
		return 0, err
	}
	n, err := b.section.Read(p)
	b.crc = crc32.Update(b.crc, castagnoli, p[:n])
	b.sent += int64(n)
	b.call.moved(int64(n))
	if b.whole() {
		b.idle.Reset(b.call.patience())
	} else {
		b.idle.Reset(b.call.patience() / 3)
	}
	return n, err
}

// whole says whether all may have left, so that the server may have it.
func (b *body) whole() bool { return b.sent == b.Size() }
