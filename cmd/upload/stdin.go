package main

import (
	"context"
	"io"
)

// untilDone reads from r until the context ends, which a Read of a pipe or a
// terminal knows nothing of. Such a Read is left behind.
type untilDone struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte
	read chan readResult
}

type readResult struct {
	n   int
	err error
}

func newUntilDone(ctx context.Context, r io.Reader) *untilDone {
	return &untilDone{ctx, r, make([]byte, 256<<10), make(chan readResult, 1)}
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil { // the buffer may be in use
		return 0, context.Cause(u.ctx)
	}
	go func() {
		n, err := u.r.Read(u.buf[:min(len(p), len(u.buf))])
		u.read <- readResult{n, err}
	}()
	select {
	case got := <-u.read:
		return copy(p, u.buf[:got.n]), got.err
	case <-u.ctx.Done():
		return 0, context.Cause(u.ctx)
	}
}
