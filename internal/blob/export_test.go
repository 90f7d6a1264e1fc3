package blob

import (
	"context"
	"time"
)

// OpenS3Impatient opens a store that is given up sooner than others are.
func OpenS3Impatient(ctx context.Context, rawURL string, patience time.Duration) (*S3, error) {
	return openS3(ctx, rawURL, patience)
}
