package blob_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"uploadd/internal/blob"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

var prefixes atomic.Int64

// openS3 opens a store at a prefix that nobody else uses.
func openS3(t testing.TB, s *s3test.Store, extra string) *blob.S3 {
	t.Helper()
	s3test.Credentials()
	b, err := blob.OpenS3(t.Context(), s.URL(fmt.Sprintf("test/%d", prefixes.Add(1)), extra))
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// Every real store is held to the contract of all stores of bytes.
func TestS3Stores(t *testing.T) {
	stores := append([]*s3test.Store{s3test.Versitygw(t, false), s3test.Versitygw(t, true)}, s3test.Others(t)...)
	for _, s := range stores {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("%s: %+v", s.Name, openS3(t, s, "").Traits())
			uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs { return openS3(t, s, "") })
		})
	}
}
