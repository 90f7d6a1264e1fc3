package transfer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"uploadd/api"
)

const (
	firstWait = 500 * time.Millisecond
	longest   = 30 * time.Second
	// mostAsked bounds what a server may ask for with Retry-After.
	mostAsked = 2 * time.Minute
	// mostForeign is how often what is not this API may answer.
	mostForeign = 3
	// mostSends is how often a request is made whose data went out each time.
	mostSends = 10
)

// retry calls do until it succeeds or fails with what would fail again, with
// pauses that grow. It gives up when nothing has arrived for u.Patience, counted
// from the first failure at the earliest. sent is what do counts the bytes in
// that it has sent, nil for a request without data: one that fails each time
// after its data went out is given up too, however much arrives beside it.
func (c *call) retry(ctx context.Context, sent *int64, do func(context.Context) error) error {
	var failing time.Time
	sends := 0
	for attempt := 0; ; attempt++ {
		var before int64
		if sent != nil {
			before = *sent
		}
		err := do(ctx)
		if err == nil {
			c.good.Store(time.Now().UnixNano())
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		again, asked := retriable(err)
		if !again {
			return err
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if sent != nil && *sent > before {
			sends++
		}
		if foreign(err) && attempt == mostForeign-1 {
			return err
		}
		quiet := min(time.Since(failing), time.Since(time.Unix(0, c.good.Load())))
		switch {
		case quiet > c.patience():
			return fmt.Errorf("%w: %w", ErrNoProgress, err)
		case sends >= mostSends:
			return fmt.Errorf("given up after %d attempts: %w", attempt+1, err)
		}
		if busy(err) {
			c.gate.ease()
		}
		wait := max(c.pause(attempt), asked)
		c.tell(Progress{Event: Retrying, Err: err, Wait: wait})
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (c *call) pause(attempt int) time.Duration {
	if c.firstWait > 0 {
		return pause(c.firstWait, attempt)
	}
	return pause(firstWait, attempt)
}

// pause is how long to wait after a number of failures: twice as long each
// time, and not all at the same moment.
func pause(first time.Duration, attempt int) time.Duration {
	d := min(first<<min(attempt, 16), longest)
	return d/2 + rand.N(d/2+1) // #nosec G404 -- nobody gains by guessing a pause
}

// retriable says whether the same request may do better later, and how long
// the server asked to be left alone.
func retriable(err error) (again bool, asked time.Duration) {
	if errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrChanged) || errors.Is(err, errNotHere) {
		return false, 0
	}
	var refused *api.Error
	if errors.As(err, &refused) {
		asked = min(time.Duration(refused.RetryAfter)*time.Second, mostAsked)
		switch {
		case refused.ShouldRetry == "true":
			return true, asked
		case refused.ShouldRetry == "false":
			return false, 0
		case refused.Status == http.StatusInsufficientStorage && asked == 0:
			return false, 0 // a full disk is full for as long as nobody sees to it
		}
		return refused.Status >= 500 || refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusRequestTimeout, asked
	}
	var ownData *sourceError
	var badCertificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &ownData):
		return false, 0
	case errors.As(err, &badCertificate), errors.Is(err, http.ErrSchemeMismatch):
		return false, 0 // a mistaken address, or somebody in between
	case errors.As(err, &name) && name.IsNotFound:
		return false, 0 // a mistyped address; one that cannot be asked for now is another error
	}
	return true, 0 // the network
}

// foreign says whether what answered does not seem to be this API: a page of a network
// in between, as a rule, which may be gone the next time.
func foreign(err error) bool {
	var syntax *json.SyntaxError
	return errors.Is(err, errNotOurs) || errors.As(err, &syntax)
}

// busy says whether the server has too much to do.
func busy(err error) bool {
	var refused *api.Error
	return errors.As(err, &refused) &&
		(refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable)
}

// reached says whether a request that failed may have been acted upon.
func reached(err error) bool {
	var refused *api.Error
	if errors.As(err, &refused) {
		return refused.Status >= 500 || refused.Status == http.StatusRequestTimeout
	}
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial"
}

// refusal says whether the server looked at the request and said no to it.
func refusal(err error) bool {
	var refused *api.Error
	return errors.As(err, &refused) && !reached(err)
}
