package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// wholeMost is the largest blob, in bytes, that is read whole before it is sent, so
// that its checksum can be sent with it, and sending it be repeated. It is no more than
// the buffer that a larger one passes through.
const wholeMost = largeBuffer

// bounded is a source that knows how much it can still yield at most.
type bounded interface {
	AtMost() (n int64, known bool)
}

// Put stores all of r and returns how long the object is. A small blob is read whole
// and, where the store is busy, sent again. A large one passes through as it comes, if
// r is bounded: the object has the length that r can have at most, and zero bytes
// behind what there was. Of what has no bound up to 512 KiB is held in memory and more
// in a temporary file.
//
// When it returns nil the store has said that it has these bytes, by a checksum. A
// full store is syscall.ENOSPC, a key that exists fs.ErrExist where the store tells.
func (s *S3) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	name, err := s.name(key)
	if err != nil {
		return 0, err
	}
	head := make([]byte, smallBuffer)
	n, err := io.ReadFull(r, head)
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return s.putBytes(ctx, name, head[:n])
	default:
		return 0, err
	}
	held := bytes.NewBuffer(head)
	if b, ok := r.(bounded); ok {
		switch most, known := b.AtMost(); {
		case known && most > wholeMost-smallBuffer:
			return s.putStream(ctx, name, head, r, most)
		case known:
			held.Grow(int(most) + bytes.MinRead)
		}
	}
	return s.putHeld(ctx, name, held, r)
}

// putHeld stores what is held and what comes, once all of it has come.
func (s *S3) putHeld(ctx context.Context, name string, held *bytes.Buffer, r io.Reader) (int64, error) {
	if _, err := held.ReadFrom(io.LimitReader(r, wholeMost-int64(held.Len()))); err != nil {
		return 0, err
	}
	if held.Len() < wholeMost {
		return s.putBytes(ctx, name, held.Bytes())
	}
	f, err := spoolFile(s.spool)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := newObjectSum(s.traits.Checksum)
	size, err := copyContext(ctx, io.MultiWriter(f, sum), io.MultiReader(held, r))
	if err != nil {
		return 0, err
	}
	return size, s.putWhole(ctx, name, size, sum, func() io.Reader { return io.NewSectionReader(f, 0, size) })
}

// spoolFile makes a file without a name, which is gone when it is closed.
func spoolFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "uploadd-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// copyContext copies until EOF, in large pieces, or until ctx ends.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (total int64, err error) {
	buf := getBuffer()
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, rerr := r.Read(buf.bytes)
		if _, err := w.Write(buf.bytes[:n]); err != nil {
			return total, err
		}
		total += int64(n)
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

func (s *S3) putBytes(ctx context.Context, name string, data []byte) (int64, error) {
	sum := newObjectSum(s.traits.Checksum)
	sum.Write(data)
	return int64(len(data)), s.putWhole(ctx, name, int64(len(data)), sum, func() io.Reader { return bytes.NewReader(data) })
}

// putWhole stores what open yields, which is always the same: that an attempt before
// may take effect as well does no harm. No reader is used twice, as one that was given
// up may still be read from.
func (s *S3) putWhole(ctx context.Context, name string, size int64, sum *objectSum, open func() io.Reader) error {
	return s.retry(ctx, func(attempt int) error {
		in := s.object(name, size)
		in.Body = open()
		sum.announce(in)
		if attempt > 0 {
			in.IfNoneMatch = nil // it may be there by the attempt before
		}
		out, err := s.put(ctx, in)
		if err != nil {
			return err
		}
		return explainAnswer(name, sum.verify(out))
	})
}

// object is a request to store size bytes.
func (s *S3) object(name string, size int64) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket: aws.String(s.bucket), Key: aws.String(name),
		ContentLength: aws.Int64(size),
		ContentType:   aws.String("application/octet-stream"),
	}
	if s.traits.WriteOnce {
		in.IfNoneMatch = aws.String("*")
	}
	return in
}

// put makes one request. Its signature does not cover the bytes, which would cost more
// than all else: the checksum in the answer does.
func (s *S3) put(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	out, err := s.client.PutObject(ctx, in, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	if err != nil {
		return nil, explain(ctx, "PutObject", *in.Key, err)
	}
	// Some stores begin their answer before they know how it ends.
	if raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok && raw.ContentLength > 0 {
		return nil, explainAnswer(*in.Key, fmt.Errorf("an answer of status %d has a body of %d bytes: it may be an error", raw.StatusCode, raw.ContentLength))
	}
	return out, nil
}

// explainAnswer is for an answer that is not to be believed.
func explainAnswer(name string, err error) error {
	if err == nil {
		return nil
	}
	return &requestError{op: "PutObject", name: name, passes: true, err: err}
}
