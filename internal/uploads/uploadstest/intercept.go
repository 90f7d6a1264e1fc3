package uploadstest

import (
	"context"
	"io"

	"uploadd/internal/uploads"
)

// Hook stands around every call of a store. op names the call, such as
// "Meta.AddPart"; do makes it. What the hook returns is what the caller gets:
// it may fail a call before it is made, after it, or not at all.
type Hook func(op string, do func() error) error

// Intercept returns stores that are m and b behind hook. Each read of a blob is
// a call of its own, "Blobs.Read".
func Intercept(m uploads.Meta, b uploads.Blobs, hook Hook) (uploads.Meta, uploads.Blobs) {
	return &interceptedMeta{m, hook}, &interceptedBlobs{b, hook}
}

// value makes a call that returns something besides its error, and nothing
// with an error.
func value[T any](hook Hook, op string, call func() (T, error)) (v T, err error) {
	err = hook(op, func() (err error) { v, err = call(); return err })
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

type interceptedBlobs struct {
	blobs uploads.Blobs
	hook  Hook
}

func (b *interceptedBlobs) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	return value(b.hook, "Blobs.Put", func() (int64, error) { return b.blobs.Put(ctx, key, r) })
}

func (b *interceptedBlobs) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	var opened io.ReadCloser
	err := b.hook("Blobs.Open", func() (err error) { opened, err = b.blobs.Open(ctx, key, off, n); return err })
	if err != nil {
		if opened != nil { // opened, and reported as failed
			opened.Close()
		}
		return nil, err
	}
	return &interceptedReader{opened, b.hook}, nil
}

func (b *interceptedBlobs) Size(ctx context.Context, key string) (int64, error) {
	return value(b.hook, "Blobs.Size", func() (int64, error) { return b.blobs.Size(ctx, key) })
}

// Delete may return both: the keys that are gone and the error of the others.
func (b *interceptedBlobs) Delete(ctx context.Context, keys []string) (gone []string, err error) {
	var own error
	err = b.hook("Blobs.Delete", func() error { gone, own = b.blobs.Delete(ctx, keys); return own })
	if own == nil && err != nil {
		return nil, err
	}
	return gone, err
}

type interceptedReader struct {
	io.ReadCloser
	hook Hook
}

// Read ends with io.EOF as any reader does; the hook sees that as a success.
func (r *interceptedReader) Read(p []byte) (n int, err error) {
	var end error
	err = r.hook("Blobs.Read", func() error {
		n, end = r.ReadCloser.Read(p)
		if end == io.EOF {
			return nil
		}
		return end
	})
	switch {
	case err == nil:
		return n, end
	case err == end:
		return n, err
	}
	return 0, err
}

// interceptedMeta embeds nothing: a method that is new in uploads.Meta does not
// compile until it is here too.
type interceptedMeta struct {
	meta uploads.Meta
	hook Hook
}

func (m *interceptedMeta) CreateUpload(ctx context.Context, u *uploads.Upload) error {
	return m.hook("Meta.CreateUpload", func() error { return m.meta.CreateUpload(ctx, u) })
}

func (m *interceptedMeta) Upload(ctx context.Context, project, id string) (*uploads.Upload, error) {
	return value(m.hook, "Meta.Upload", func() (*uploads.Upload, error) { return m.meta.Upload(ctx, project, id) })
}

func (m *interceptedMeta) Uploads(ctx context.Context, project string, p uploads.Page) ([]uploads.Upload, error) {
	return value(m.hook, "Meta.Uploads", func() ([]uploads.Upload, error) { return m.meta.Uploads(ctx, project, p) })
}

func (m *interceptedMeta) Reserve(ctx context.Context, keys []string, due int64) error {
	return m.hook("Meta.Reserve", func() error { return m.meta.Reserve(ctx, keys, due) })
}

func (m *interceptedMeta) Discard(ctx context.Context, keys []string, due int64) error {
	return m.hook("Meta.Discard", func() error { return m.meta.Discard(ctx, keys, due) })
}

func (m *interceptedMeta) AddPart(ctx context.Context, project string, p *uploads.Part, now int64, bounds uploads.Bounds) error {
	return m.hook("Meta.AddPart", func() error { return m.meta.AddPart(ctx, project, p, now, bounds) })
}

func (m *interceptedMeta) Parts(ctx context.Context, project, uploadID string, p uploads.Page) ([]uploads.Part, error) {
	return value(m.hook, "Meta.Parts", func() ([]uploads.Part, error) { return m.meta.Parts(ctx, project, uploadID, p) })
}

func (m *interceptedMeta) Complete(ctx context.Context, f *uploads.File, parts []uploads.Part, now, due int64) error {
	return m.hook("Meta.Complete", func() error { return m.meta.Complete(ctx, f, parts, now, due) })
}

func (m *interceptedMeta) Cancel(ctx context.Context, project, id string, now, due int64) error {
	return m.hook("Meta.Cancel", func() error { return m.meta.Cancel(ctx, project, id, now, due) })
}

func (m *interceptedMeta) CreateFile(ctx context.Context, f *uploads.File, p *uploads.Part) error {
	return m.hook("Meta.CreateFile", func() error { return m.meta.CreateFile(ctx, f, p) })
}

func (m *interceptedMeta) File(ctx context.Context, project, id string, now int64) (*uploads.File, error) {
	return value(m.hook, "Meta.File", func() (*uploads.File, error) { return m.meta.File(ctx, project, id, now) })
}

func (m *interceptedMeta) Files(ctx context.Context, project string, p uploads.Page, now int64) ([]uploads.File, error) {
	return value(m.hook, "Meta.Files", func() ([]uploads.File, error) { return m.meta.Files(ctx, project, p, now) })
}

func (m *interceptedMeta) FileParts(ctx context.Context, project, fileID string) ([]uploads.Part, error) {
	return value(m.hook, "Meta.FileParts", func() ([]uploads.Part, error) { return m.meta.FileParts(ctx, project, fileID) })
}

func (m *interceptedMeta) DeleteFile(ctx context.Context, by uploads.Caller, id string, now, due int64) error {
	return m.hook("Meta.DeleteFile", func() error { return m.meta.DeleteFile(ctx, by, id, now, due) })
}

func (m *interceptedMeta) Accounts(ctx context.Context, by uploads.Caller) ([]uploads.Account, error) {
	return value(m.hook, "Meta.Accounts", func() ([]uploads.Account, error) { return m.meta.Accounts(ctx, by) })
}

func (m *interceptedMeta) Expire(ctx context.Context, now, due int64, limit int) (int, error) {
	return value(m.hook, "Meta.Expire", func() (int, error) { return m.meta.Expire(ctx, now, due, limit) })
}

func (m *interceptedMeta) Purge(ctx context.Context, before int64, limit int) (int, error) {
	return value(m.hook, "Meta.Purge", func() (int, error) { return m.meta.Purge(ctx, before, limit) })
}

func (m *interceptedMeta) Doom(ctx context.Context, now, again int64, limit int) ([]string, error) {
	return value(m.hook, "Meta.Doom", func() ([]string, error) { return m.meta.Doom(ctx, now, again, limit) })
}

func (m *interceptedMeta) Forget(ctx context.Context, keys []string) error {
	return m.hook("Meta.Forget", func() error { return m.meta.Forget(ctx, keys) })
}

func (m *interceptedMeta) Recover(ctx context.Context, now, due, horizon int64) error {
	return m.hook("Meta.Recover", func() error { return m.meta.Recover(ctx, now, due, horizon) })
}

func (m *interceptedMeta) AllParts(ctx context.Context, after int64, limit int) ([]uploads.Part, error) {
	return value(m.hook, "Meta.AllParts", func() ([]uploads.Part, error) { return m.meta.AllParts(ctx, after, limit) })
}

func (m *interceptedMeta) AllFiles(ctx context.Context, after, now int64, limit int) ([]uploads.File, error) {
	return value(m.hook, "Meta.AllFiles", func() ([]uploads.File, error) { return m.meta.AllFiles(ctx, after, now, limit) })
}

func (m *interceptedMeta) Orphans(ctx context.Context, limit int) ([]uploads.Part, error) {
	return value(m.hook, "Meta.Orphans", func() ([]uploads.Part, error) { return m.meta.Orphans(ctx, limit) })
}

func (m *interceptedMeta) Bin(ctx context.Context, after string, limit int) ([]uploads.BinEntry, error) {
	return value(m.hook, "Meta.Bin", func() ([]uploads.BinEntry, error) { return m.meta.Bin(ctx, after, limit) })
}

func (m *interceptedMeta) Miscounted(ctx context.Context) ([]uploads.Account, error) {
	return value(m.hook, "Meta.Miscounted", func() ([]uploads.Account, error) { return m.meta.Miscounted(ctx) })
}

func (m *interceptedMeta) Known(ctx context.Context, key string) (bool, error) {
	return value(m.hook, "Meta.Known", func() (bool, error) { return m.meta.Known(ctx, key) })
}

func (m *interceptedMeta) Ping(ctx context.Context) error {
	return m.hook("Meta.Ping", func() error { return m.meta.Ping(ctx) })
}

func (m *interceptedMeta) Close() error {
	return m.hook("Meta.Close", m.meta.Close)
}
