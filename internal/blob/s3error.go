package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// requestError is a request to a store that did not succeed. It may have been carried
// out all the same, now or later.
type requestError struct {
	op     string
	name   string
	status int // 0 without an answer
	code   string
	passes bool // it may succeed later
	err    error
}

func (e *requestError) Error() string { return fmt.Sprintf("%s %s: %s", e.op, e.name, brief(e.err)) }
func (e *requestError) Unwrap() error { return e.err }

// brief is an error as people read it: of what the SDK says, what the store said, or why
// it was not reached.
func brief(err error) string {
	var known smithy.APIError
	var answer *awshttp.ResponseError
	if errors.As(err, &known) && errors.As(err, &answer) {
		text := fmt.Sprintf("status %d %s", answer.HTTPStatusCode(), known.ErrorCode())
		if m := known.ErrorMessage(); m != "" && m != known.ErrorCode() {
			text += ": " + m
		}
		if id := answer.ServiceRequestID(); id != "" {
			text += " (request " + id + ")"
		}
		return text
	}
	var unsent *smithyhttp.RequestSendError
	if errors.As(err, &unsent) {
		return unsent.Err.Error()
	}
	return err.Error()
}

// Unavailable says that the store could not be asked, or was too busy to answer: the
// same may succeed in a while.
func (e *requestError) Unavailable() bool { return e.passes }

// passing are the codes of errors, besides all of 5xx, that pass.
var passing = map[string]bool{
	"SlowDown": true, "Throttling": true, "ThrottlingException": true, "TooManyRequests": true, "TooManyRequestsException": true,
	"RequestTimeout": true, "RequestLimitExceeded": true, "BandwidthLimitExceeded": true, "InternalError": true, "ServiceUnavailable": true,
	"OperationAborted": true, "ConditionalRequestConflict": true, // two requests at once
	"ExpiredToken": true, "RequestTimeTooSkewed": true, // the next one has a new token, and the store's time
}

// explain says what an error of a request means. The end of ctx is no fault of the
// store's, and is returned as it is.
func explain(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, name, context.Cause(ctx))
	}
	e := &requestError{op: op, name: name, err: err, passes: true}
	if errors.Is(err, errNoCredentials) { // the store was not asked
		return e
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		e.status = answer.HTTPStatusCode()
		// An answer of success that is an error has broken off.
		e.passes = e.status < 300 || e.status >= 500 && e.status != http.StatusNotImplemented || e.status == http.StatusTooManyRequests
	}
	var known smithy.APIError
	if errors.As(err, &known) {
		e.code = known.ErrorCode()
		e.passes = e.passes || passing[e.code]
	}
	switch {
	case e.status == http.StatusNotFound && (e.code == "NoSuchKey" || e.code == "NotFound"):
		e.err = fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	case e.status == http.StatusPreconditionFailed:
		e.err = fmt.Errorf("%w (%w)", fs.ErrExist, err)
	case e.status == http.StatusInsufficientStorage, e.code == "XMinioStorageFull", e.code == "QuotaExceeded":
		e.err, e.passes = fmt.Errorf("%w (%w)", syscall.ENOSPC, err), false
	}
	return e
}

// errNoCredentials is a request that could not be signed.
var errNoCredentials = errors.New("there are no credentials")

// credentials tells their absence apart from a refusal by the store: they come from
// another service, whose status is not the store's.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoCredentials, err)
	}
	return found, err
}

// passes says whether what failed may succeed when it is tried again.
func passes(err error) bool {
	var e *requestError
	return errors.As(err, &e) && e.passes
}

// attempts is how often a request is made that can be repeated.
const attempts = 4

// pace is how long a store is waited for.
type pace struct {
	// patience is how long it may take to take or give anything at all, or to answer
	// once it has a whole request. No time is set for the whole, which a slow line needs.
	patience time.Duration
	// firstPause is between the first two attempts; each later one is twice as long.
	firstPause time.Duration
}

var usual = pace{patience: 60 * time.Second, firstPause: 100 * time.Millisecond}

// retry calls do until it succeeds or fails for good.
func (p pace) retry(ctx context.Context, do func(attempt int) error) error {
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err := do(attempt)
		// Whoever asked has waited for long enough when a store has hung once.
		if err == nil || !passes(err) || attempt == attempts-1 || time.Since(began) >= p.patience || p.pause(ctx, attempt) != nil {
			return err
		}
	}
}

// pause waits before the next attempt, and fails if ctx ends meanwhile.
func (p pace) pause(ctx context.Context, attempt int) error {
	d := p.firstPause << attempt
	timer := time.NewTimer(d/2 + rand.N(d)) // #nosec G404 -- so that many do not come back at once
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
