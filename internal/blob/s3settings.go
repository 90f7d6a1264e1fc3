package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What others may have set for a bucket, of which blobs know nothing.

func (t *S3Trial) askVersions(ctx context.Context) (Answer, error) {
	const do = "let a lifecycle rule remove noncurrent versions after some days, or turn versioning off"
	out, err := t.s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(t.s.bucket)})
	if err != nil {
		return untold(explain(ctx, "GetBucketVersioning", t.s.bucket, err), "whether the bucket keeps what is deleted", "s3:GetBucketVersioning")
	}
	if out.Status == types.BucketVersioningStatusEnabled {
		return Answer{"versions are kept", "what is deleted stays, and is paid for", do}, nil
	}
	return seen("no versions are kept")
}

func (t *S3Trial) askLifecycle(ctx context.Context) (Answer, error) {
	out, err := t.s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: aws.String(t.s.bucket)})
	if err != nil {
		err = explain(ctx, "GetBucketLifecycleConfiguration", t.s.bucket, err)
		var e *requestError
		if errors.As(err, &e) && (e.code == "NoSuchLifecycleConfiguration" || e.status == http.StatusNotImplemented) {
			return seen("no rule deletes or moves objects")
		}
		return untold(err, "whether a rule deletes objects", "s3:GetLifecycleConfiguration")
	}
	for _, rule := range out.Rules {
		if rule.Status == types.ExpirationStatusEnabled && (rule.Expiration != nil || len(rule.Transitions) > 0) && t.concerns(rule) {
			return Answer{fmt.Sprintf("the rule '%s' deletes or moves objects below this prefix", aws.ToString(rule.ID)),
				"Files lose their bytes", "take the rule out, or give it another prefix"}, nil
		}
	}
	return seen("no rule deletes or moves objects below this prefix")
}

// concerns says whether a rule may be about blobs. One that has other conditions, or is
// of the kind that has no filter, may be.
func (t *S3Trial) concerns(rule types.LifecycleRule) bool {
	if rule.Filter == nil {
		return true
	}
	prefix := aws.ToString(rule.Filter.Prefix)
	if rule.Filter.And != nil {
		prefix = aws.ToString(rule.Filter.And.Prefix)
	}
	return strings.HasPrefix(t.s.prefix, prefix) || strings.HasPrefix(prefix, t.s.prefix)
}

// untold is for what the credentials need not be allowed to ask.
func untold(err error, what, permission string) (Answer, error) {
	return Answer{what + " is not told", brief(err), "look yourself, or allow " + permission}, nil
}
