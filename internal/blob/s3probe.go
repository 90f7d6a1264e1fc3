package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Traits are what a store was found to do when it was opened.
type Traits struct {
	// Checksum is what it says of an object it has stored, and each Put is held
	// against: "crc64nvme", or "md5", which costs more.
	Checksum string
	// WriteOnce says that it refuses to store a second object under a name.
	WriteOnce bool
	// Batches says that it deletes many objects by one request.
	Batches bool
}

// probe does with a small object all that is ever done with a blob.
func (s *S3) probe(ctx context.Context) (t Traits, err error) {
	key := "probe_" + strings.ToLower(rand.Text())
	name, err := s.name(key)
	if err != nil {
		return t, err
	}
	data := []byte("uploadd looks at what this store does: " + key)
	if t.Checksum, err = s.probePut(ctx, name, data); err != nil {
		return t, needed(err, "s3:PutObject")
	}
	s.traits = t // for what follows
	if t.WriteOnce, err = s.probeWriteOnce(ctx, name, data); err != nil {
		return t, err
	}
	if err := s.probeGet(ctx, key, data); err != nil {
		return t, needed(err, "s3:GetObject")
	}
	_, err = s.deleteTogether(ctx, []string{name})
	t.Batches = err == nil
	if err != nil {
		if err := s.deleteOne(ctx, name); err != nil {
			return t, needed(err, "s3:DeleteObject")
		}
	}
	if _, err := s.Size(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = errors.New("an object that was deleted is still there")
		}
		return t, needed(err, "s3:ListBucket (without it AWS does not tell what is missing)")
	}
	return t, nil
}

// needed says what a request that was refused needs.
func needed(err error, permission string) error {
	if do := advice(err, permission); do != "" {
		return fmt.Errorf("%w: %s", err, do)
	}
	return err
}

// advice is what to do about a request that failed, "" if that is not known.
func advice(err error, permission string) string {
	var e *requestError
	if !errors.As(err, &e) {
		return ""
	}
	switch e.status {
	case http.StatusForbidden, http.StatusUnauthorized:
		if wrongCredentials[e.code] {
			return "correct the credentials"
		}
		return "the credentials need " + permission + " on this bucket and prefix"
	case http.StatusNotFound:
		return "make the bucket, or correct its name"
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return "the bucket is elsewhere: name its region with region="
	case 0:
		if errors.Is(err, errNoCredentials) {
			return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile, or give the machine a role"
		}
		if errors.As(err, new(x509.UnknownAuthorityError)) {
			return "name the certificate of its authority with ca=, or AWS_CA_BUNDLE"
		}
		return "no answer: correct endpoint=, or start the store"
	}
	return ""
}

// wrongCredentials are codes of answers to those whom the store does not know.
var wrongCredentials = map[string]bool{"SignatureDoesNotMatch": true, "InvalidAccessKeyId": true, "InvalidToken": true}

// probePut stores the object and returns by which checksum the store says what it has.
func (s *S3) probePut(ctx context.Context, name string, data []byte) (checksum string, err error) {
	err = s.retry(ctx, func(int) error {
		in := s.object(name, int64(len(data)))
		in.Body = bytes.NewReader(data)
		out, err := s.put(ctx, in)
		if err != nil {
			return err
		}
		var wrong error
		for _, kind := range []string{checksumCRC64, checksumMD5} {
			if s.checksum != checksumAuto && s.checksum != kind {
				continue
			}
			sum := newObjectSum(kind)
			sum.Write(data)
			err := sum.verify(out)
			if err == nil {
				checksum = kind
				return nil
			}
			wrong = errors.Join(wrong, err)
		}
		return fmt.Errorf("nobody could tell whether it stores what it is sent: %w", wrong)
	})
	return checksum, err
}

// probeWriteOnce stores the object again, on the condition that there is none.
func (s *S3) probeWriteOnce(ctx context.Context, name string, data []byte) (once bool, err error) {
	err = s.retry(ctx, func(int) error {
		in := s.object(name, int64(len(data)))
		in.Body, in.IfNoneMatch = bytes.NewReader(data), aws.String("*")
		_, err := s.put(ctx, in)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return true, nil
	case err == nil, refused(err):
		return false, nil
	}
	return false, err
}

// probeGet reads a range of the object.
func (s *S3) probeGet(ctx context.Context, key string, data []byte) error {
	size, err := s.Size(ctx, key)
	if err == nil && size != int64(len(data)) {
		err = fmt.Errorf("the object of %d bytes is said to have %d", len(data), size)
	}
	if err != nil {
		return err
	}
	const off = 5
	r, err := s.Open(ctx, key, off, int64(len(data))-2*off)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, data[off:len(data)-off]) {
		err = errors.New("a range of the object is not what was stored")
	}
	return err
}
