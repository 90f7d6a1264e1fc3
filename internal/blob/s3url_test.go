package blob_test

import (
	"strings"
	"testing"

	"uploadd/internal/blob"
)

// An address that is wrong is refused by a message that says how to write it.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"bucket":                                         "s3://bucket/prefix",
		"https://bucket/x":                               "s3://bucket/prefix",
		"s3://":                                          "s3://bucket/prefix",
		"s3://key:secret@bucket":                         "environment",
		"s3://bucket:9000/x":                             "endpoint=",
		"s3://a/x?region=r":                              "not the name of a bucket",
		"s3://bucket/a b?region=r":                       "prefix",
		"s3://bucket/a//b?region=r":                      "prefix",
		"s3://bucket?acl=private":                        "the keys are endpoint, region, path_style, checksum, spool and ca",
		"s3://bucket?region=a&region=b":                  "2 times",
		"s3://bucket?endpoint=minio:9000":                "https://",
		"s3://bucket?endpoint=http://minio/path":         "https://",
		"s3://bucket?endpoint=http://x&path_style=maybe": "true or false",
		"s3://bucket?checksum=sha1":                      "crc64nvme",
		"s3://bucket?spool=/does/not/exist":              "spool",
		"s3://bucket?ca=/does/not/exist":                 "ca",
		"s3://bucket?ca=/dev/null":                       "no certificate",
		"s3://bucket?%zz":                                "query",
	} {
		b, err := blob.OpenS3(t.Context(), url, nil)
		if err == nil {
			b.Close()
			t.Errorf("%s was opened", url)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: the message is %q, and should say %q", url, err, want)
		}
	}
}
