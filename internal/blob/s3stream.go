package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// paddingMost is the largest number of zero bytes that a blob is filled up with. What
// stands behind the bytes in a form is less.
const paddingMost = 128 << 10

// putStream stores head and then r, at most most bytes of it, as they come.
func (s *S3) putStream(ctx context.Context, name string, head []byte, r io.Reader, most int64) (int64, error) {
	body := &promised{head: head, r: r, size: int64(len(head)) + most, sum: newObjectSum(s.traits.Checksum)}
	// A store that refuses does so before it has the body, as a rule.
	err := s.retry(ctx, func(int) error {
		a := body.attempt()
		in := s.object(name, body.size)
		in.Body = a
		out, err := s.put(ctx, in)
		ended := a.end()
		switch {
		case ended != nil: // of what was sent there is no whole
			return ended
		case err != nil && body.begun: // it cannot be sent again
			return &final{err}
		case err != nil:
			return err
		case body.sent < body.size:
			err = fmt.Errorf("the store has answered after %d of %d bytes", body.sent, body.size)
		default:
			err = body.sum.verify(out)
		}
		if err != nil {
			return &final{explainAnswer(name, err)}
		}
		return nil
	})
	var f *final
	if errors.As(err, &f) {
		err = f.err
	}
	return body.size, err
}

// final is an error after which there is no other attempt.
type final struct{ err error }

func (f *final) Error() string { return f.err.Error() }

// promised is a body of a length that was promised before its source was seen to the
// end. It gives out its last byte only once the source has come to its end without an
// error: what the store has whole was meant to be.
type promised struct {
	size int64
	sum  *objectSum

	mu    sync.Mutex // held while r is read from
	head  []byte
	r     io.Reader
	begun bool // something has been read
	ended bool // r has come to its end
	sent  int64
	err   error // of the source
}

// attempt is what one request reads. After the request the connection may go on
// reading for a while.
type attempt struct {
	of   *promised
	over chan struct{} // closed once the request is
}

func (b *promised) attempt() *attempt { return &attempt{of: b, over: make(chan struct{})} }

// end waits until nobody reads from the source, and nobody will. It returns the error
// of the source.
func (a *attempt) end() error {
	close(a.over)
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	return a.of.err
}

func (a *attempt) Read(p []byte) (int, error) {
	b := a.of
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-a.over:
		return 0, io.ErrClosedPipe
	default:
	}
	switch {
	case b.err != nil:
		return 0, b.err
	case b.sent == b.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	b.begun = true
	n, err := b.next(p[:min(int64(len(p)), b.size-b.sent)])
	if err != nil {
		b.err = err
		return 0, err
	}
	b.sum.Write(p[:n])
	b.sent += int64(n)
	return n, nil
}

// next fills some of p, which is not longer than what is still to be sent.
func (b *promised) next(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	for !b.ended {
		n, err := b.r.Read(p)
		if err == io.EOF {
			b.ended = true
			if padding := b.size - b.sent - int64(n); padding > paddingMost {
				return 0, fmt.Errorf("the source has ended %d bytes before its bound, and %d are the most that a blob is filled up with", padding, paddingMost)
			}
		} else if err != nil {
			return 0, err
		}
		if b.sent+int64(n) == b.size {
			return n, b.drain()
		}
		if n > 0 {
			return n, nil
		}
	}
	clear(p)
	return len(p), nil
}

// drain makes sure that nothing comes any more.
func (b *promised) drain() error {
	var one [1]byte
	for !b.ended {
		n, err := b.r.Read(one[:])
		if n > 0 {
			return fmt.Errorf("the source has more than the %d bytes it was bounded by", b.size)
		}
		if err == io.EOF {
			b.ended = true
		} else if err != nil {
			return err
		}
	}
	return nil
}
