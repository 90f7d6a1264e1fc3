package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3Trial asks a store for each thing that is ever asked of one, with objects of its
// own. Their names are always the same on one machine: a bucket is never listed, so what
// a crash leaves behind is found by the next trial.
type S3Trial struct {
	s          *S3
	key, large string
	data       []byte
	ahead      atomic.Int64 // nanoseconds from this machine's clock to the store's
	dated      atomic.Bool
}

// Answer is what a store was seen to do.
type Answer struct {
	Saw string
	// Doubt is why that is not as it should be, and Do what to do about it, or about an
	// error; "" if it is.
	Doubt, Do string
}

func failed(err error, permission string) (Answer, error) {
	a := Answer{Do: advice(err, permission)}
	if a.Do == "" {
		a.Do = "look at the store, or use another: docs/s3.md says what is asked of one"
	}
	return a, err
}

func seen(format string, args ...any) (Answer, error) {
	return Answer{Saw: fmt.Sprintf(format, args...)}, nil
}

// Question is one thing to ask. Beside an error the Answer says what to do.
type Question struct {
	Name string
	Ask  func(context.Context) (Answer, error)
	// Vital says that there is no use in the questions behind it if this one fails.
	Vital bool
}

// TryS3 prepares a trial of the store that OpenS3 would open, which is given patience
// to answer a request. It asks nothing yet.
func TryS3(ctx context.Context, rawURL string, patience time.Duration) (*S3Trial, error) {
	s, err := newS3(ctx, rawURL, nil, pace{patience: patience, firstPause: usual.firstPause})
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	sum := sha256.Sum256([]byte(host))
	key := "doctor_" + hex.EncodeToString(sum[:8])
	return &S3Trial{s: s, key: key + "01", large: key + "02", data: []byte("uploadd looks at what this store does: " + key)}, nil
}

// Close lets go of connections.
func (t *S3Trial) Close() error { return t.s.Close() }

// Store is the store, once it has been asked what it does.
func (t *S3Trial) Store() *S3 { return t.s }

// Clean removes the objects.
func (t *S3Trial) Clean(ctx context.Context) error {
	for _, key := range []string{t.key, t.large} {
		name, err := t.s.name(key)
		if err == nil {
			err = t.s.deleteOne(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Ahead is how far the store's clock is ahead of this machine's, to a second; known once
// it has answered.
func (t *S3Trial) Ahead() (ahead time.Duration, known bool) {
	return time.Duration(t.ahead.Load()), t.dated.Load()
}

// Questions are all there are, to be asked in their order.
func (t *S3Trial) Questions() []Question {
	return []Question{
		{"credentials", t.askCredentials, true},
		{"tls", t.askTLS, false},
		{"put", t.askPut, true},
		{"head", t.askHead, false},
		{"get", t.askGet, false},
		{"range", t.askRange, false},
		{"large", t.askLarge, false},
		{"checksum", t.askWrong, false},
		{"once", t.askOnce, false},
		{"delete", t.askDelete, false},
		{"batch", t.askBatch, false},
		{"missing", t.askMissing, false},
		{"versions", t.askVersions, false},
		{"lifecycle", t.askLifecycle, false},
	}
}

func (t *S3Trial) askCredentials(ctx context.Context) (Answer, error) {
	found, err := t.s.client.Options().Credentials.Retrieve(ctx)
	if err != nil {
		return failed(&requestError{err: err}, "")
	}
	if found.CanExpire {
		return seen("from %s, until %s", found.Source, found.Expires.UTC().Format(time.DateTime))
	}
	return seen("from %s", found.Source)
}

func (t *S3Trial) askTLS(context.Context) (Answer, error) {
	u, err := url.Parse(t.s.endpoint)
	if err != nil {
		return failed(err, "")
	}
	switch ip := net.ParseIP(u.Hostname()); {
	case t.s.endpoint == "" || u.Scheme == "https":
		return seen("the way to the store is encrypted")
	case u.Hostname() == "localhost" || ip != nil && ip.IsLoopback():
		return seen("the way to the store is plain, and does not leave this machine")
	}
	return Answer{"the way to the store is plain", "whoever is on it reads and changes the bytes", "write endpoint=https://"}, nil
}

// askPut also finds out about the clock. The object may be there, by a trial that was
// killed.
func (t *S3Trial) askPut(ctx context.Context) (Answer, error) {
	name, err := t.s.name(t.key)
	if err != nil {
		return Answer{}, err
	}
	began := time.Now()
	t.s.traits.Checksum, err = t.s.probePut(ctx, name, t.data)
	if err != nil {
		return failed(err, "s3:PutObject")
	}
	took := time.Since(began)
	t.lookAtClock(ctx, name)
	a, _ := seen("an object is stored in %s; its %s is told", took.Round(time.Millisecond/10), t.s.traits.Checksum)
	if t.s.traits.Checksum == checksumMD5 {
		a.Saw += ", which costs the processor more than a CRC-64/NVME would"
	}
	return a, nil
}

// lookAtClock compares with the Date of an answer, of whatever kind.
func (t *S3Trial) lookAtClock(ctx context.Context, name string) {
	began := time.Now()
	out, err := t.s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(t.s.bucket), Key: aws.String(name)})
	if err != nil {
		return
	}
	raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
	if !ok {
		return
	}
	if date, err := http.ParseTime(raw.Header.Get("Date")); err == nil {
		// Of a time that is cut to seconds half of one is missing on average.
		middle := began.Add(time.Since(began) / 2)
		t.ahead.Store(int64(date.Add(time.Second / 2).Sub(middle)))
		t.dated.Store(true)
	}
}

func (t *S3Trial) askHead(ctx context.Context) (Answer, error) {
	began := time.Now()
	size, err := t.s.Size(ctx, t.key)
	if err == nil && size != int64(len(t.data)) {
		err = fmt.Errorf("the object of %d bytes is said to have %d", len(t.data), size)
	}
	if err != nil {
		return failed(err, "s3:GetObject")
	}
	return seen("its size is told in %s", time.Since(began).Round(time.Millisecond/10))
}

func (t *S3Trial) askGet(ctx context.Context) (Answer, error) { return t.read(ctx, 0, len(t.data)) }

func (t *S3Trial) askRange(ctx context.Context) (Answer, error) { return t.read(ctx, 5, len(t.data)-5) }

func (t *S3Trial) read(ctx context.Context, from, to int) (Answer, error) {
	began := time.Now()
	r, err := t.s.Open(ctx, t.key, int64(from), int64(to-from))
	if err != nil {
		return failed(err, "s3:GetObject")
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, t.data[from:to]) {
		err = errors.New("what is read is not what was stored")
	}
	if err != nil {
		return failed(err, "")
	}
	return seen("%d bytes of %d are read in %s", len(got), len(t.data), time.Since(began).Round(time.Millisecond/10))
}

// streamed is a source whose bound is known, as the field of a form is.
type streamed struct{ *bytes.Reader }

func (r streamed) AtMost() (int64, bool) { return int64(r.Len()), true }

// askLarge stores an object whose bytes are sent once the store has said that it wants
// them.
func (t *S3Trial) askLarge(ctx context.Context) (Answer, error) {
	const size = 2 * wholeMost
	began := time.Now()
	n, err := t.s.Put(ctx, t.large, streamed{bytes.NewReader(make([]byte, size))})
	if err == nil {
		n, err = t.s.Size(ctx, t.large)
	}
	if err == nil && n != size {
		err = fmt.Errorf("an object of %d bytes is said to have %d", size, n)
	}
	if err != nil {
		return failed(err, "s3:PutObject")
	}
	took := time.Since(began)
	a, _ := seen("a MiB is stored as it comes in %s", took.Round(time.Millisecond/10))
	if took > continueTimeout {
		a.Doubt, a.Do = "it may be waited for a 100 Continue that does not come", "find out whether a proxy in front of the store swallows Expect"
	}
	return a, nil
}

// askWrong sends a checksum that is not that of the bytes.
func (t *S3Trial) askWrong(ctx context.Context) (Answer, error) {
	name, err := t.s.name(t.large)
	if err != nil {
		return Answer{}, err
	}
	kind := t.s.traits.Checksum
	sum := newObjectSum(kind)
	sum.Write([]byte("something else"))
	in := t.s.object(name, int64(len(t.data)))
	in.Body, in.IfNoneMatch = bytes.NewReader(t.data), nil
	sum.announce(in)
	_, err = t.s.put(ctx, in)
	switch {
	case err == nil:
		return Answer{"bytes with the wrong " + kind + " are stored", "it does not compare what it is told with what it gets; uploadd compares what it answers, and misses nothing", "nothing, or a store that compares"}, nil
	case refused(err):
		return seen("bytes with the wrong %s are refused", kind)
	}
	return failed(err, "s3:PutObject")
}

func (t *S3Trial) askOnce(ctx context.Context) (Answer, error) {
	name, err := t.s.name(t.key)
	if err != nil {
		return Answer{}, err
	}
	switch once, err := t.s.probeWriteOnce(ctx, name, t.data); {
	case err != nil:
		return failed(err, "s3:PutObject")
	case once:
		return seen("a second object under one name is refused")
	}
	return seen("a second object takes the place of the first; no name is used twice")
}

func (t *S3Trial) askDelete(ctx context.Context) (Answer, error) {
	name, err := t.s.name(t.large)
	if err == nil {
		err = t.s.deleteOne(ctx, name)
	}
	if err != nil {
		return failed(err, "s3:DeleteObject")
	}
	return seen("an object is deleted")
}

func (t *S3Trial) askBatch(ctx context.Context) (Answer, error) {
	name, err := t.s.name(t.key)
	if err != nil {
		return Answer{}, err
	}
	if _, err := t.s.deleteTogether(ctx, []string{name}); err == nil {
		return seen("many are deleted by one request")
	}
	if err := t.s.deleteOne(ctx, name); err != nil {
		return failed(err, "s3:DeleteObject")
	}
	return seen("they are deleted one by one, %d at a time", deleters)
}

func (t *S3Trial) askMissing(ctx context.Context) (Answer, error) {
	_, err := t.s.Size(ctx, t.key)
	if errors.Is(err, fs.ErrNotExist) {
		return seen("what is deleted is gone, and said to be")
	}
	if err == nil {
		err = errors.New("an object that was deleted is still there")
	}
	return failed(err, "s3:ListBucket (without it AWS does not tell what is missing)")
}
