package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Size is the length of a blob.
func (s *S3) Size(ctx context.Context, key string) (size int64, err error) {
	name, err := s.name(key)
	if err != nil {
		return 0, err
	}
	err = s.retry(ctx, func(int) error {
		out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(name)})
		if err != nil {
			return explain(ctx, "HeadObject", name, err)
		}
		size = aws.ToInt64(out.ContentLength)
		return nil
	})
	return size, err
}

// Open reads n bytes from off, by one request. Where its answer breaks off it is gone
// on with by another.
func (s *S3) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	if n == 0 { // no range is empty
		size, err := s.Size(ctx, key)
		if err == nil && size < off {
			err = tooShort(name, size, off, n)
		}
		return http.NoBody, err
	}
	r := &objectReader{store: s, ctx: ctx, name: name, off: off, left: n}
	if err := s.retry(ctx, func(int) error { return r.ask() }); err != nil {
		return nil, err
	}
	return r, nil
}

func tooShort(name string, size, off, n int64) error {
	return fmt.Errorf("object %s has %d bytes, and %d were to be read from %d: %w", name, size, n, off, io.ErrUnexpectedEOF)
}

// objectReader reads a range of an object.
type objectReader struct {
	store *S3
	ctx   context.Context
	name  string

	off, left int64
	etag      *string // of the first answer: what follows must be of the same object

	body    io.ReadCloser // nil between two requests
	request context.Context
	cancel  context.CancelCauseFunc
	stalls  *time.Timer // cancels
	fails   int         // answers in a row that gave nothing
}

var (
	errStalled = errors.New("nothing came for too long")
	errBroken  = errors.New("the answer ends before the range that was asked for")
)

// ask asks for what is left.
func (r *objectReader) ask() error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	out, err := r.store.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(r.store.bucket), Key: aws.String(r.name),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", r.off, r.off+r.left-1)),
	})
	if err != nil {
		cancel(nil)
		err = explain(r.ctx, "GetObject", r.name, err)
		var e *requestError
		if errors.As(err, &e) && e.status == http.StatusRequestedRangeNotSatisfiable {
			e.err = fmt.Errorf("%w (%w)", io.ErrUnexpectedEOF, e.err)
		}
		return err
	}
	if err := r.verify(out); err != nil {
		cancel(nil)
		return errors.Join(err, out.Body.Close())
	}
	r.body, r.request, r.cancel, r.etag = out.Body, ctx, cancel, out.ETag
	r.stalls = time.AfterFunc(r.store.patience, func() { cancel(errStalled) })
	r.stalls.Stop()
	return nil
}

var contentRange = regexp.MustCompile(`^bytes ([0-9]+)-[0-9]+/([0-9]+|\*)$`)

// verify holds an answer against the range that was asked for, and against the answers
// before. It may be shorter, but not of a shorter object. (That it should be of the same
// object is not asked of the store by If-Match: there was one that refused all such.)
func (r *objectReader) verify(out *s3.GetObjectOutput) error {
	first, size := int64(0), aws.ToInt64(out.ContentLength) // of an answer without a range: the whole
	if given := aws.ToString(out.ContentRange); given != "" {
		m := contentRange.FindStringSubmatch(given)
		if m == nil {
			return fmt.Errorf("object %s: the answer's range is '%.100s'", r.name, given)
		}
		var err error
		if first, err = strconv.ParseInt(m[1], 10, 64); err != nil {
			return err
		}
		size = r.off + r.left
		if m[2] != "*" {
			if size, err = strconv.ParseInt(m[2], 10, 64); err != nil {
				return err
			}
		}
	}
	if r.etag != nil && aws.ToString(out.ETag) != *r.etag {
		return fmt.Errorf("object %s: the answer breaks off, and is followed by one of another object", r.name)
	}
	if first != r.off {
		return fmt.Errorf("object %s: asked for what begins at byte %d, the store answers with what begins at %d", r.name, r.off, first)
	}
	if size < r.off+r.left {
		return tooShort(r.name, size, r.off, r.left)
	}
	return nil
}

func (r *objectReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	for {
		n, err := r.some(p[:min(int64(len(p)), r.left)])
		r.off += int64(n)
		r.left -= int64(n)
		if n > 0 || len(p) == 0 {
			r.fails = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		r.fails++
		if !passes(err) || r.fails == attempts || r.store.pause(r.ctx, r.fails-1) != nil {
			return 0, err
		}
	}
}

// some reads from the answer, or from a new one.
func (r *objectReader) some(p []byte) (int, error) {
	if r.body == nil {
		if err := r.ask(); err != nil {
			return 0, err
		}
	}
	r.stalls.Reset(r.store.patience)
	n, err := r.body.Read(p)
	r.stalls.Stop()
	if err == nil || r.left == int64(n) {
		return n, nil
	}
	switch {
	case err == io.EOF:
		err = errBroken
	case context.Cause(r.request) == errStalled: // not the end of r.ctx
		err = errStalled
	}
	err = errors.Join(explain(r.ctx, "GetObject", r.name, err), r.shut())
	return n, err
}

// shut lets go of the answer.
func (r *objectReader) shut() error {
	if r.body == nil {
		return nil
	}
	r.stalls.Stop()
	r.cancel(nil)
	r.body.Close() // what was not read is not wanted
	r.body = nil
	return nil
}

// Close lets go of the object.
func (r *objectReader) Close() error { return r.shut() }
