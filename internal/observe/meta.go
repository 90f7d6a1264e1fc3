package observe

import (
	"context"

	"uploadd/internal/uploads"
)

// Meta returns m, and tells o of its calls.
func Meta(m uploads.Meta, o Observer) uploads.Meta { return &observedMeta{m, o} }

// observedMeta embeds nothing: a method that is new in uploads.Meta does not compile
// until it is here too.
type observedMeta struct {
	meta    uploads.Meta
	observe Observer
}

func (m *observedMeta) call(ctx context.Context, operation string, do func(context.Context) error) error {
	_, err := told(ctx, m.observe, StoreMeta, operation, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

func value[T any](ctx context.Context, m *observedMeta, operation string, do func(context.Context) (T, error)) (T, error) {
	return told(ctx, m.observe, StoreMeta, operation, do)
}

func (m *observedMeta) CreateUpload(ctx context.Context, u *uploads.Upload) error {
	return m.call(ctx, "create_upload", func(ctx context.Context) error { return m.meta.CreateUpload(ctx, u) })
}

func (m *observedMeta) Upload(ctx context.Context, project, id string) (*uploads.Upload, error) {
	return value(ctx, m, "upload", func(ctx context.Context) (*uploads.Upload, error) { return m.meta.Upload(ctx, project, id) })
}

func (m *observedMeta) Uploads(ctx context.Context, project string, p uploads.Page) ([]uploads.Upload, error) {
	return value(ctx, m, "uploads", func(ctx context.Context) ([]uploads.Upload, error) { return m.meta.Uploads(ctx, project, p) })
}

func (m *observedMeta) Reserve(ctx context.Context, keys []string, due int64) error {
	return m.call(ctx, "reserve", func(ctx context.Context) error { return m.meta.Reserve(ctx, keys, due) })
}

func (m *observedMeta) Discard(ctx context.Context, keys []string, due int64) error {
	return m.call(ctx, "discard", func(ctx context.Context) error { return m.meta.Discard(ctx, keys, due) })
}

func (m *observedMeta) AddPart(ctx context.Context, project string, p *uploads.Part, now int64, bounds uploads.Bounds) error {
	return m.call(ctx, "add_part", func(ctx context.Context) error { return m.meta.AddPart(ctx, project, p, now, bounds) })
}

func (m *observedMeta) Parts(ctx context.Context, project, uploadID string, p uploads.Page) ([]uploads.Part, error) {
	return value(ctx, m, "parts", func(ctx context.Context) ([]uploads.Part, error) { return m.meta.Parts(ctx, project, uploadID, p) })
}

func (m *observedMeta) Complete(ctx context.Context, f *uploads.File, parts []uploads.Part, now, due int64) error {
	return m.call(ctx, "complete", func(ctx context.Context) error { return m.meta.Complete(ctx, f, parts, now, due) })
}

func (m *observedMeta) Cancel(ctx context.Context, project, id string, now, due int64) error {
	return m.call(ctx, "cancel", func(ctx context.Context) error { return m.meta.Cancel(ctx, project, id, now, due) })
}

func (m *observedMeta) CreateFile(ctx context.Context, f *uploads.File, p *uploads.Part) error {
	return m.call(ctx, "create_file", func(ctx context.Context) error { return m.meta.CreateFile(ctx, f, p) })
}

func (m *observedMeta) File(ctx context.Context, project, id string, now int64) (*uploads.File, error) {
	return value(ctx, m, "file", func(ctx context.Context) (*uploads.File, error) { return m.meta.File(ctx, project, id, now) })
}

func (m *observedMeta) Files(ctx context.Context, project string, p uploads.Page, now int64) ([]uploads.File, error) {
	return value(ctx, m, "files", func(ctx context.Context) ([]uploads.File, error) { return m.meta.Files(ctx, project, p, now) })
}

func (m *observedMeta) FileParts(ctx context.Context, project, fileID string) ([]uploads.Part, error) {
	return value(ctx, m, "file_parts", func(ctx context.Context) ([]uploads.Part, error) { return m.meta.FileParts(ctx, project, fileID) })
}

func (m *observedMeta) DeleteFile(ctx context.Context, by uploads.Caller, id string, now, due int64) error {
	return m.call(ctx, "delete_file", func(ctx context.Context) error { return m.meta.DeleteFile(ctx, by, id, now, due) })
}

func (m *observedMeta) Accounts(ctx context.Context, by uploads.Caller) ([]uploads.Account, error) {
	return value(ctx, m, "accounts", func(ctx context.Context) ([]uploads.Account, error) { return m.meta.Accounts(ctx, by) })
}

func (m *observedMeta) Expire(ctx context.Context, now, due int64, limit int) (int, error) {
	return value(ctx, m, "expire", func(ctx context.Context) (int, error) { return m.meta.Expire(ctx, now, due, limit) })
}

func (m *observedMeta) Purge(ctx context.Context, before int64, limit int) (int, error) {
	return value(ctx, m, "purge", func(ctx context.Context) (int, error) { return m.meta.Purge(ctx, before, limit) })
}

func (m *observedMeta) Doom(ctx context.Context, now, again int64, limit int) ([]string, error) {
	return value(ctx, m, "doom", func(ctx context.Context) ([]string, error) { return m.meta.Doom(ctx, now, again, limit) })
}

func (m *observedMeta) Forget(ctx context.Context, keys []string) error {
	return m.call(ctx, "forget", func(ctx context.Context) error { return m.meta.Forget(ctx, keys) })
}

func (m *observedMeta) AllParts(ctx context.Context, after int64, limit int) ([]uploads.Part, error) {
	return value(ctx, m, "all_parts", func(ctx context.Context) ([]uploads.Part, error) { return m.meta.AllParts(ctx, after, limit) })
}

func (m *observedMeta) AllFiles(ctx context.Context, after, now int64, limit int) ([]uploads.File, error) {
	return value(ctx, m, "all_files", func(ctx context.Context) ([]uploads.File, error) { return m.meta.AllFiles(ctx, after, now, limit) })
}

func (m *observedMeta) Orphans(ctx context.Context, limit int) ([]uploads.Part, error) {
	return value(ctx, m, "orphans", func(ctx context.Context) ([]uploads.Part, error) { return m.meta.Orphans(ctx, limit) })
}

func (m *observedMeta) Recover(ctx context.Context, now, due, horizon int64) error {
	return m.call(ctx, "recover", func(ctx context.Context) error { return m.meta.Recover(ctx, now, due, horizon) })
}

func (m *observedMeta) Bin(ctx context.Context, after string, limit int) ([]uploads.BinEntry, error) {
	return value(ctx, m, "bin", func(ctx context.Context) ([]uploads.BinEntry, error) { return m.meta.Bin(ctx, after, limit) })
}

func (m *observedMeta) Miscounted(ctx context.Context) ([]uploads.Account, error) {
	return value(ctx, m, "miscounted", func(ctx context.Context) ([]uploads.Account, error) { return m.meta.Miscounted(ctx) })
}

func (m *observedMeta) Known(ctx context.Context, key string) (bool, error) {
	return value(ctx, m, "known", func(ctx context.Context) (bool, error) { return m.meta.Known(ctx, key) })
}

func (m *observedMeta) Ping(ctx context.Context) error {
	return m.call(ctx, "ping", func(ctx context.Context) error { return m.meta.Ping(ctx) })
}

func (m *observedMeta) Close() error {
	return m.call(context.Background(), "close", func(context.Context) error { return m.meta.Close() })
}
