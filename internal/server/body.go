package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"uploadd/api"
)

// body reads a request's body under deadlines that move with it, and says what
// went wrong in terms that the client may see.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	peer    *peer

	admitted bool // the request has been let in
	known    bool // its key was right, be it let in or not

	n      int64 // bytes read
	begun  bool
	done   bool // read to its end, or failed
	failed error

	end    time.Time // by when all must have come; zero for no limit
	window time.Time // when the present rate period began
	before int64     // bytes read by then
}

func (b *body) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	now := time.Now()
	if !b.begun {
		b.begun, b.window = true, now
	} else if now.Sub(b.window) > ratePeriod {
		if b.n-b.before < rateFloor {
			return 0, b.fail(api.Errorf(api.ErrTimeout, "",
				"The body comes in too slowly: %d bytes in %d seconds, and %d are the minimum.",
				b.n-b.before, int(now.Sub(b.window).Seconds()), rateFloor))
		}
		b.window, b.before = now, b.n
	}
	setDeadline(b.control.SetReadDeadline, b.patience(now))
	n, err := b.during(func() (int, error) { return b.ReadCloser.Read(p) })
	b.n += int64(n)
	switch {
	case err == nil:
	case err == io.EOF:
		b.done = true
		// net/http goes on reading in the background, to notice a client that
		// leaves; a deadline would look to it as if it had.
		setDeadline(b.control.SetReadDeadline, 0)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = b.fail(api.Errorf(api.ErrTimeout, "", "Nothing of the body came in for %d seconds.", int(time.Since(now).Seconds())))
	default:
		err = b.fail(api.Errorf(api.ErrInvalid, "", "The body breaks off after %d bytes.", b.n).Because(err))
	}
	return n, err
}

// patience is how long the next bytes may take.
func (b *body) patience(now time.Time) time.Duration {
	if b.end.IsZero() {
		return stepTimeout
	}
	return min(stepTimeout, max(b.end.Sub(now), time.Nanosecond)) // 0 would be for ever
}

func (b *body) fail(err error) error {
	b.done, b.failed = true, err
	return err
}

// admit says that the request's key was right.
func (b *body) admit(c Caller) {
	b.admitted, b.known = true, true
	b.peer.admit(c)
}

// during counts move as waiting for the client. What is done for a stranger does
// not count: its time is that of its connection.
func (b *body) during(move func() (int, error)) (int, error) {
	if !b.admitted {
		return move()
	}
	return b.peer.during(move)
}

// The most that is read of a body whose request has been answered already. One
// without a right key is read as little as a small request needs: it may come from
// anybody.
const (
	drainBytes = 128 << 20
	drainTime  = 20 * time.Second

	drainBytesOfStranger = 1 << 20
	drainTimeOfStranger  = 2 * time.Second
)

// drain reads what the client still sends. Many clients look for the answer only
// once they have sent everything: cut off before, they see a broken connection,
// not the answer, and try again.
func (b *body) drain() {
	if b.done || b.failed != nil {
		return
	}
	left, end := int64(drainBytesOfStranger), time.Now().Add(drainTimeOfStranger)
	buf := make([]byte, 4<<10)
	if b.known {
		left, end = drainBytes, time.Now().Add(drainTime)
		large := largeBuffers.Get().(*[]byte)
		defer largeBuffers.Put(large)
		buf = *large
	}
	for left > 0 && time.Now().Before(end) {
		if b.control.SetReadDeadline(end) != nil {
			return
		}
		n, err := b.during(func() (int, error) { return b.ReadCloser.Read(buf) })
		if err != nil {
			return
		}
		left -= int64(n)
	}
}
