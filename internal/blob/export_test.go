package blob

import (
	"context"
	"time"
)

// OpenS3Impatient opens a store that is asked again sooner than others are, and is given
// up after patience.
func OpenS3Impatient(ctx context.Context, rawURL string, patience time.Duration) (*S3, error) {
	return openS3(ctx, rawURL, nil, pace{patience: patience, firstPause: time.Millisecond})
}
