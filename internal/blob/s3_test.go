package blob_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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
	b, err := blob.OpenS3(t.Context(), s.URL(fmt.Sprintf("test/%d", prefixes.Add(1)), extra), nil)
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// Every real store is held to the contract of all stores of bytes; a table of which
// passes what, and of what they do otherwise than AWS, is printed at the end.
func TestS3Stores(t *testing.T) {
	stores := append([]*s3test.Store{s3test.Versitygw(t, false), s3test.Versitygw(t, true)}, s3test.Others(t)...)
	table := &table{cells: map[string]map[string]string{}}
	for _, s := range stores {
		table.stores = append(table.stores, s.Name)
	}
	t.Cleanup(func() { t.Log(table) })
	for _, s := range stores {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			traits := openS3(t, s, "").Traits()
			table.add(s, "+ checksum that is used", traits.Checksum)
			table.add(s, "+ no second object under a name (If-None-Match)", yes(traits.WriteOnce))
			table.add(s, "+ DeleteObjects", yes(traits.Batches))
			quirks(t, s, table)
			for _, r := range uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs { return openS3(t, s, "") }) {
				table.add(s, r.Name, yes(r.OK))
			}
		})
	}
}

// quirks asks a store for what nothing here relies on.
func quirks(t *testing.T, s *s3test.Store, table *table) {
	client, data := s.Client(t), []byte("what does it say of this?")
	put := func(change func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: aws.String(s3test.Bucket), Key: aws.String("quirks"), Body: bytes.NewReader(data)}
		change(in)
		return client.PutObject(t.Context(), in)
	}
	out, err := put(func(*s3.PutObjectInput) {})
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(data)
	table.add(s, "+ tells the CRC-64/NVME unasked", yes(aws.ToString(out.ChecksumCRC64NVME) != ""))
	table.add(s, "+ the ETag is the MD5", yes(strings.Trim(aws.ToString(out.ETag), `"`) == hex.EncodeToString(sum[:])))
	_, err = put(func(in *s3.PutObjectInput) { in.ChecksumCRC64NVME = aws.String("AAAAAAAAAAA=") })
	table.add(s, "+ refuses what has another CRC-64/NVME", yes(err != nil))
	_, err = put(func(in *s3.PutObjectInput) { in.ContentMD5 = aws.String("AAAAAAAAAAAAAAAAAAAAAA==") })
	table.add(s, "+ refuses what has another Content-MD5", yes(err != nil))

	var asks atomic.Bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { asks.Store(true) }})
	table.add(s, "+ says 100 Continue", func() string {
		r := uploadstest.Must(http.NewRequestWithContext(ctx, "PUT", s.Presigned(t, "quirks"), bytes.NewReader(data)))(t)
		r.Header.Set("Expect", "100-continue")
		resp := uploadstest.Must((&http.Client{Transport: s.Transport(t)}).Do(r))(t)
		resp.Body.Close()
		return yes(asks.Load())
	}())
	if _, err := client.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: aws.String(s3test.Bucket), Key: aws.String("quirks")}); err != nil {
		t.Error(err)
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// table is of properties, in the order they come, by stores.
type table struct {
	mu     sync.Mutex
	stores []string
	rows   []string
	cells  map[string]map[string]string
}

func (t *table) add(s *s3test.Store, row, cell string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cells[row] == nil {
		t.rows, t.cells[row] = append(t.rows, row), map[string]string{}
	}
	t.cells[row][s.Name] = cell
}

func (t *table) String() string {
	var b strings.Builder
	line := func(first string, cell func(store string) string) {
		fmt.Fprintf(&b, "\n| %-68s |", first)
		for _, s := range t.stores {
			fmt.Fprintf(&b, " %-18s |", cell(s))
		}
	}
	line("(+ a property, not a test)", func(s string) string { return s })
	line("---", func(string) string { return "---" })
	for _, row := range t.rows {
		line(row, func(s string) string { return t.cells[row][s] })
	}
	return b.String()
}
