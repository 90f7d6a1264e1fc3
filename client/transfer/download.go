package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"uploadd/api"
	"uploadd/client"
)

// Downloader fetches Files, in several ranges at a time where the server knows
// ranges, and again where that helps. The zero value of every field but Client
// is a good one. It is safe for concurrent use.
type Downloader struct {
	// Client says where from. Required.
	Client *client.Client
	// RangeSize is how many bytes are asked for at once; 0 is 8 MiB.
	RangeSize int64
	// Parallel is how many ranges are fetched at a time; 0 is 4. A download
	// holds as many of RangeSize in memory, and one more.
	Parallel int
	// Patience is for how long a call goes on trying while nothing arrives; 0
	// is 5 minutes.
	Patience time.Duration
	// Progress is told what happens, under the File's name: of the events it
	// knows Started, Resumed, Sent (which means received), Retrying, Restarted
	// and Done. It is called from several goroutines, but by one at a time.
	Progress func(Progress)

	firstWait time.Duration // for tests, which have no time
}

// ErrDamaged is that the bytes which arrived are not those of the File: the
// server's checksum of it says so.
var ErrDamaged = errors.New("the bytes that arrived are not those of the file: their checksum is another")

// Download writes the bytes of file, which is what GetFile returned, to w in
// their order. Checked is that they are those of the server's checksum; where it
// has none they are as many as they should be.
//
// Errors: those of w; [ErrDamaged], after all has been written; [ErrNoProgress];
// *api.Error, when the server refuses.
func (d *Downloader) Download(ctx context.Context, file *api.File, w io.Writer) (checked bool, err error) {
	f := d.fetch(file, 0, 0)
	f.tell(Progress{Event: Started})
	if checked, err = f.run(ctx, w); err != nil {
		return false, err
	}
	f.tell(Progress{Event: Done, File: file})
	return checked, nil
}

const (
	rangeSize = 8 << 20
	// firstRange is small: it finds out whether the server knows ranges.
	firstRange = 256 << 10
	ranges     = 4
	// stall is how long a request may move nothing.
	stall    = time.Minute
	patience = 5 * time.Minute
)

// fetch is the download of one File.
type fetch struct {
	*Downloader
	file   *api.File
	report reporter

	off int64  // up to where all has been written
	sum uint32 // CRC32C of it

	received atomic.Int64 // written, or on the way to it
	good     atomic.Int64 // when bytes last arrived, in Unix nanoseconds

	mu       sync.Mutex
	etag     string
	crc      uint32 // of the File
	crcKnown bool
}

// fetch begins at off, with the checksum of what is before it.
func (d *Downloader) fetch(file *api.File, off int64, sum uint32) *fetch {
	f := &fetch{Downloader: d, file: file, off: off, sum: sum, report: reporter{tell: d.Progress}}
	f.received.Store(off)
	f.good.Store(time.Now().UnixNano())
	f.crcKnown = file.Bytes == 0 // that of nothing is 0
	return f
}

// run writes the rest of the File to w.
func (f *fetch) run(ctx context.Context, w io.Writer) (checked bool, err error) {
	err = f.parallel(ctx, w)
	if errors.Is(err, client.ErrNoRanges) {
		err = f.get(ctx, f.off, f.file.Bytes, ordered{f, w})
	}
	switch {
	case err != nil:
		return false, err
	case f.off != f.file.Bytes:
		return false, fmt.Errorf("%d of %d bytes arrived: %w", f.off, f.file.Bytes, io.ErrUnexpectedEOF)
	case f.crcKnown && f.sum != f.crc:
		return false, ErrDamaged
	}
	return f.crcKnown, nil
}

// ordered writes what comes next of the File.
type ordered struct {
	f *fetch
	w io.Writer
}

func (o ordered) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.f.sum = crc32.Update(o.f.sum, castagnoli, p[:n])
	o.f.off += int64(n)
	return n, err
}

// piece is a range that has arrived, or has not.
type piece struct {
	data *pieceBuffer
	err  error
}

// parallel fetches ranges into memory, and writes them in their order: so what
// is written is whole at every moment, and a later call can go on behind it.
func (f *fetch) parallel(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	var coming []chan piece
	var free []*pieceBuffer
	next, most := f.off, 1
	for next < f.file.Bytes || len(coming) > 0 {
		for len(coming) < most && next < f.file.Bytes {
			from, to := next, min(next+cmp.Or(f.RangeSize, rangeSize), f.file.Bytes)
			if from == f.off && most == 1 {
				to = min(from+firstRange, to)
			}
			next = to
			buffer := &pieceBuffer{}
			if n := len(free); n > 0 {
				buffer, free = free[n-1], free[:n-1]
			}
			arrives := make(chan piece, 1)
			coming = append(coming, arrives)
			fetching.Go(func() {
				buffer.reset(to - from)
				arrives <- piece{buffer, f.get(ctx, from, to, buffer)}
			})
		}
		p := <-coming[0]
		coming = coming[1:]
		if p.err != nil {
			return p.err
		}
		if _, err := (ordered{f, w}).Write(p.data.bytes); err != nil {
			return err
		}
		free, most = append(free, p.data), cmp.Or(f.Parallel, ranges)
	}
	return nil
}

// pieceBuffer collects a range.
type pieceBuffer struct{ bytes []byte }

func (b *pieceBuffer) reset(n int64) {
	if int64(cap(b.bytes)) < n {
		b.bytes = make([]byte, 0, n)
	}
	b.bytes = b.bytes[:0]
}

func (b *pieceBuffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// get writes the bytes from one offset up to another to w. It tries again, from
// where it came to, until nothing has arrived for too long.
func (f *fetch) get(ctx context.Context, from, to int64, w io.Writer) error {
	var failing time.Time
	for attempt := 0; ; attempt++ {
		before := from
		err := f.attempt(ctx, &from, to, w)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var own *writeError
		if errors.As(err, &own) {
			return own.err
		}
		again, asked := retriable(err)
		if !again || errors.Is(err, client.ErrNoRanges) || errors.Is(err, errOther) {
			return err
		}
		if from > before || failing.IsZero() {
			attempt, failing = 0, time.Now()
		}
		if min(time.Since(failing), time.Since(time.Unix(0, f.good.Load()))) > cmp.Or(f.Patience, patience) {
			return fmt.Errorf("%w: %w", ErrNoProgress, err)
		}
		wait := max(pause(cmp.Or(f.firstWait, firstWait), attempt), asked)
		f.tell(Progress{Event: Retrying, Err: err, Wait: wait})
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// writeError is of the caller's own writer: no other attempt helps.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

var errOther = errors.New("the server sends another content than before")

// attempt makes one request, and moves from on by what it has written.
func (f *fetch) attempt(ctx context.Context, from *int64, to int64, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer watch.Stop()
	r, err := f.Client.OpenRange(ctx, f.file, *from, to)
	if err != nil {
		return because(ctx, err)
	}
	defer r.Close()
	if err := f.same(r); err != nil {
		return err
	}
	for buf := make([]byte, min(256<<10, to-*from)); ; {
		n, err := r.Read(buf)
		if n > 0 {
			watch.Reset(stall)
			if _, err := w.Write(buf[:n]); err != nil {
				return &writeError{err}
			}
			*from += int64(n)
			f.moved(int64(n))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return because(ctx, err)
		}
	}
}

// because is err, or why its request was given up.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}

// same holds what a range says of the whole against what the others have said.
func (f *fetch) same(r *client.Range) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.etag != "" && r.ETag != "" && r.ETag != f.etag || f.crcKnown && r.CRCKnown && r.CRC32C != f.crc {
		return errOther
	}
	if f.etag == "" {
		f.etag = r.ETag
	}
	if r.CRCKnown {
		f.crc, f.crcKnown = r.CRC32C, true
	}
	return nil
}

func (f *fetch) moved(n int64) {
	f.received.Add(n)
	f.good.Store(time.Now().UnixNano())
	f.report.sent(func() Progress { return f.fill(Progress{Event: Sent}) })
}

func (f *fetch) tell(p Progress) { f.report.event(func() Progress { return f.fill(p) }) }

func (f *fetch) fill(p Progress) Progress {
	p.Name, p.Bytes, p.Total = f.file.Filename, f.received.Load(), f.file.Bytes
	return p
}
