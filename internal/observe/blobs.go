package observe

import (
	"context"
	"io"

	"uploadd/internal/uploads"
)

// Blobs returns b, and tells o of its calls. A blob that is read is told of twice: as
// "open", until its first bytes can be read, and as "read", from then on until it is
// closed, which lasts as long as whoever reads it takes. Nor does "put" end before its
// sender has sent the last byte.
func Blobs(b uploads.Blobs, o Observer) uploads.Blobs { return &observedBlobs{b, o} }

type observedBlobs struct {
	blobs   uploads.Blobs
	observe Observer
}

func (b *observedBlobs) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	return told(ctx, b.observe, StoreBlobs, "put", func(ctx context.Context) (int64, error) { return b.blobs.Put(ctx, key, r) })
}

func (b *observedBlobs) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	r, err := told(ctx, b.observe, StoreBlobs, "open", func(ctx context.Context) (io.ReadCloser, error) {
		return b.blobs.Open(ctx, key, off, n)
	})
	if err != nil {
		return r, err
	}
	_, end := b.observe(ctx, StoreBlobs, "read")
	return &observedReader{ReadCloser: r, end: end}, nil
}

func (b *observedBlobs) Size(ctx context.Context, key string) (int64, error) {
	return told(ctx, b.observe, StoreBlobs, "size", func(ctx context.Context) (int64, error) { return b.blobs.Size(ctx, key) })
}

func (b *observedBlobs) Delete(ctx context.Context, keys []string) (gone []string, err error) {
	return told(ctx, b.observe, StoreBlobs, "delete", func(ctx context.Context) ([]string, error) { return b.blobs.Delete(ctx, keys) })
}

// observedReader is a blob that is being read.
type observedReader struct {
	io.ReadCloser
	end    func(error)
	failed error // the first error of a read
}

func (r *observedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF && r.failed == nil {
		r.failed = err
	}
	return n, err
}

func (r *observedReader) Close() error {
	err := r.ReadCloser.Close()
	if r.end != nil {
		if r.failed == nil {
			r.failed = err
		}
		r.end(r.failed)
		r.end = nil
	}
	return err
}
