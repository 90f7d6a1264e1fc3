package blob

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// S3 keeps blobs as objects in a bucket. Of the API only PutObject, GetObject with a
// Range, HeadObject, DeleteObject and DeleteObjects are used: no listing, no multipart
// uploads, no access lists, no trailers. All requests are bounded in time by the
// progress they make.
//
// An error is Unavailable (a method) where the store could not be asked, or was too
// busy: the same may succeed in a while.
type S3 struct {
	location
	client    *s3.Client
	transport *http.Transport
	pace
	traits Traits
	singly atomic.Bool // DeleteObjects is refused
}

// Settle is how long after a Put that failed, or had to be repeated, its bytes may
// still appear: a request may wait that long in the store, or on the way to it.
const Settle = time.Hour

// OpenS3 opens the bucket of s3://bucket/prefix?key=value…, and finds out by a small
// object what the store does. The keys, all of which may be left out:
//
//   - endpoint: the URL of a store that is not AWS
//   - region: by default what the environment says, and us-east-1 for an endpoint
//   - path_style: true puts the bucket into the path and not into the host's name;
//     the default with an endpoint
//   - checksum: crc64nvme or md5, to insist on one; by default the first of these that
//     the store gives
//   - spool: the directory of temporary files for what comes without a length
//   - ca: a file with the certificates to trust, in PEM
//
// Credentials come as with all programs of AWS: from the environment, a profile, a web
// identity or the machine.
//
// Requests go through what through returns, which may add headers to them; they are
// signed already. nil is for none.
func OpenS3(ctx context.Context, rawURL string, through func(http.RoundTripper) http.RoundTripper) (*S3, error) {
	return openS3(ctx, rawURL, through, usual)
}

func openS3(ctx context.Context, rawURL string, through func(http.RoundTripper) http.RoundTripper, p pace) (*S3, error) {
	s, err := newS3(ctx, rawURL, through, p)
	if err != nil {
		return nil, err
	}
	if s.traits, err = s.probe(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.location, err)
	}
	s.singly.Store(!s.traits.Batches)
	return s, nil
}

// newS3 is a store that has not been asked anything yet.
func newS3(ctx context.Context, rawURL string, through func(http.RoundTripper) http.RoundTripper, p pace) (*S3, error) {
	l, err := parseLocation(rawURL)
	if err != nil {
		return nil, err
	}
	// By itself the SDK writes to standard error. What matters of it comes as an error.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("the settings of AWS: %w", err)
	}
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && l.roots == nil {
		if c := b.GetTransport().TLSClientConfig; c != nil {
			l.roots = c.RootCAs // AWS_CA_BUNDLE
		}
	}
	s := &S3{location: l, transport: newTransport(l.roots, p.patience), pace: p}
	if cfg.Region == "" && l.endpoint != "" {
		cfg.Region = "us-east-1"
	}
	if l.region != "" {
		cfg.Region = l.region
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("%s: the region is not known: add ?region=eu-central-1, or set AWS_REGION", l)
	}
	cfg.Credentials = credentials{cfg.Credentials}
	var transport http.RoundTripper = versioned{s.transport}
	if through != nil {
		transport = through(transport)
	}
	s.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		if l.endpoint != "" {
			o.BaseEndpoint = aws.String(l.endpoint)
		}
		o.UsePathStyle = l.pathStyle
		o.HTTPClient = &http.Client{Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		o.Retryer = aws.NopRetryer{} // what can be repeated is decided here
		// Checksums that the SDK adds by itself are trailers, which many stores refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.ContinueHeaderThresholdBytes = wholeMost
	})
	return s, nil
}

// Close lets go of connections.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Traits returns what the store was found to do.
func (s *S3) Traits() Traits { return s.traits }

// name is that of a key's object. Stores split what they keep by the beginning of the
// names: the last digits of a key, which are random, come first.
func (s *S3) name(key string) (string, error) {
	if !keyShape.MatchString(key) {
		return "", fmt.Errorf("blob key %q: %w", key, fs.ErrInvalid)
	}
	return s.prefix + key[len(key)-2:] + "/" + key, nil
}
