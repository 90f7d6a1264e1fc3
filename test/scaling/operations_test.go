package scaling

import (
	"context"
	"fmt"
	"time"

	"uploadd/internal/meta"
	"uploadd/internal/uploads"
)

// operations are the steps that a node takes in the database, each with a record of
// its own for n.
type operations struct {
	store   *meta.Store
	project string
}

var began = time.Now().Unix()

const plenty = 1 << 40

func (o operations) upload(n int) *uploads.Upload {
	return &uploads.Upload{ID: fmt.Sprintf("upload_%032x", n), Project: o.project, Filename: "measurements.jsonl", Purpose: "batch",
		MimeType: "application/jsonl", Bytes: 1 << 26, Status: "pending", CreatedAt: began, ExpiresAt: began + 3600}
}

func (o operations) part(n int) *uploads.Part {
	return &uploads.Part{ID: fmt.Sprintf("part_%032x", n), UploadID: o.upload(n).ID, Bytes: 1 << 26, CRC32C: 1, Sums: make([]byte, 1024), CreatedAt: began}
}

func (o operations) file(n int) *uploads.File {
	return &uploads.File{ID: fmt.Sprintf("file-%022d", n), Project: o.project, UploadID: o.upload(n).ID, Filename: "measurements.jsonl",
		Purpose: "batch", Bytes: 1 << 26, CRC32C: 1, CreatedAt: began, Parts: 1}
}

func (o operations) create(ctx context.Context, n int) error {
	return o.store.CreateUpload(ctx, o.upload(n))
}

// reserve is taken once for 64 Parts.
func (o operations) reserve(ctx context.Context, n int) error {
	keys := make([]string, 64)
	for i := range keys {
		keys[i] = fmt.Sprintf("part_%032x", n*64+i)
	}
	return o.store.Reserve(ctx, keys, plenty)
}

func (o operations) addPart(ctx context.Context, n int) error {
	return o.store.AddPart(ctx, o.project, o.part(n), began, uploads.Bounds{Bytes: plenty, Parts: 10_000})
}

func (o operations) complete(ctx context.Context, n int) error {
	return o.store.Complete(ctx, o.file(n), []uploads.Part{*o.part(n)}, began, began)
}

// createFile makes a File in one piece of a key that was reserved.
func (o operations) createFile(ctx context.Context, n int) error {
	f, p := o.file(n), o.part(100+n)
	f.ID, f.UploadID, p.UploadID, p.FileID = fmt.Sprintf("file-small%017d", n), "", "", fmt.Sprintf("file-small%017d", n)
	p.Sums = make([]byte, 4)
	return o.store.CreateFile(ctx, f, p)
}

func (o operations) lookAtUpload(ctx context.Context, n int) error {
	_, err := o.store.Upload(ctx, o.project, o.upload(n).ID)
	return err
}

func (o operations) lookAtFile(ctx context.Context, n int) error {
	f, err := o.store.File(ctx, o.project, o.file(n).ID, began)
	if err == nil {
		_, err = o.store.FileParts(ctx, o.project, f.ID)
	}
	return err
}

func (o operations) listFiles(ctx context.Context, n int) error {
	_, err := o.store.Files(ctx, fmt.Sprintf("project-%d", n%projectsFilled), uploads.Page{Limit: 101, Desc: true}, began)
	return err
}

func (o operations) listPurpose(ctx context.Context, n int) error {
	_, err := o.store.Files(ctx, fmt.Sprintf("project-%d", n%projectsFilled), uploads.Page{Limit: 101, Purpose: "batch"}, began)
	return err
}

func (o operations) deleteFile(ctx context.Context, n int) error {
	return o.store.DeleteFile(ctx, uploads.Caller{Project: o.project}, o.file(n).ID, began, plenty)
}

// clean is the round of a janitor that finds nothing to do.
func (o operations) clean(ctx context.Context, _ int) error {
	const past = 1000
	_, err := o.store.Expire(ctx, past, past, 500)
	if err == nil {
		_, err = o.store.Doom(ctx, past, past, 500)
	}
	if err == nil {
		_, err = o.store.Purge(ctx, past, 500)
	}
	return err
}
