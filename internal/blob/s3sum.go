package blob

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/crc64nvme"
)

// objectSum is the checksum of an object as it was sent, which what the store says of
// the object it has is held against. CRC-64/NVME costs next to nothing, and is what AWS
// says of every object; MD5, as the ETag, is what nearly all others say.
type objectSum struct {
	kind string
	hash.Hash
}

func newObjectSum(kind string) *objectSum {
	if kind == checksumMD5 {
		return &objectSum{kind, md5.New()}
	}
	return &objectSum{kind, crc64nvme.New()}
}

func (s *objectSum) base64() string { return base64.StdEncoding.EncodeToString(s.Sum(nil)) }

// announce has the store compare by itself: for bytes that are known beforehand.
func (s *objectSum) announce(in *s3.PutObjectInput) {
	if s.kind == checksumMD5 {
		in.ContentMD5 = aws.String(s.base64())
	} else {
		in.ChecksumCRC64NVME = aws.String(s.base64())
	}
}

// verify fails unless the store says that it has what was sent.
func (s *objectSum) verify(out *s3.PutObjectOutput) error {
	want, got := s.base64(), aws.ToString(out.ChecksumCRC64NVME)
	if s.kind == checksumMD5 {
		want, got = hex.EncodeToString(s.Sum(nil)), etag(out)
	}
	switch {
	case got == "":
		return fmt.Errorf("the store does not say what it has stored: the answer has no %s", s.kind)
	case !strings.EqualFold(got, want) && s.kind == checksumMD5, got != want && s.kind != checksumMD5:
		return fmt.Errorf("the store has stored something else: its %s is %s, and that of what was sent is %s", s.kind, got, want)
	}
	return nil
}

func etag(out *s3.PutObjectOutput) string { return strings.Trim(aws.ToString(out.ETag), `"`) }
