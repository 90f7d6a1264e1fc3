package uploads

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"

	"uploadd/api"
)

func (t *tenant) CompleteUpload(ctx context.Context, id string, req api.CompleteUploadRequest) (*api.Upload, error) {
	sum, err := parseMD5(req.MD5)
	if err != nil {
		return nil, err
	}
	t.md5s.want(t.caller.Project, sum != nil)
	u, err := t.findUpload(ctx, id)
	if err != nil {
		return nil, err
	}
	if status(u, t.now()) != api.StatusPending {
		return t.completeAgain(ctx, u, req.PartIDs)
	}
	parts, err := t.verified(ctx, u, req.PartIDs, sum)
	if err != nil {
		// Parts may be missing because the Upload ended meanwhile: then that is
		// the answer.
		if ended, lookup := t.findUpload(ctx, id); lookup == nil && status(ended, t.now()) != api.StatusPending {
			return t.completeAgain(ctx, ended, req.PartIDs)
		}
		return nil, err
	}
	f := &File{
		ID:        newFileID(),
		Project:   u.Project,
		Key:       u.Key,
		UploadID:  u.ID,
		Filename:  u.Filename,
		Purpose:   u.Purpose,
		Bytes:     u.Bytes,
		CRC32C:    combined(parts),
		CreatedAt: u.CreatedAt,
		ExpiresAt: expiry(u.CreatedAt, u.FileLife),
		Parts:     len(parts),
	}
	now := t.now()
	err = t.Meta.Complete(ctx, f, parts, now, t.due(now))
	if errors.Is(err, ErrConflict) {
		if u, err = t.findUpload(ctx, id); err != nil {
			return nil, err
		}
		return t.completeAgain(ctx, u, req.PartIDs)
	}
	if err != nil {
		return nil, storeError(err)
	}
	t.md5s.forget(u.ID)
	u.Status = string(api.StatusCompleted)
	return wireUpload(u, f, now), nil
}

// completeAgain answers a completion of an Upload that is no longer pending. A
// client that lost the response asks again, and gets the same File.
func (t *tenant) completeAgain(ctx context.Context, u *Upload, ids []string) (*api.Upload, error) {
	if u.FileID == "" {
		return nil, t.conflict(ctx, u.ID, "it can be completed only while it is pending")
	}
	// The Parts first: if the File is there after them, they are all of it.
	parts, err := t.Meta.FileParts(ctx, u.Project, u.FileID)
	if err != nil {
		return nil, storeError(err)
	}
	w, err := t.describe(ctx, u)
	if err != nil {
		return nil, err
	}
	if w.File == nil {
		return nil, stateError(u, t.now(), "its file has been deleted since")
	}
	if !slices.EqualFunc(parts, ids, func(p Part, id string) bool { return p.ID == id }) {
		return nil, stateError(u, t.now(), "it was completed with other parts, or in another order")
	}
	return w, nil
}

// verified returns the named Parts one behind the other, if they are the File
// that was declared, and what its purpose asks for; sum is its MD5, nil for none.
func (t *tenant) verified(ctx context.Context, u *Upload, ids []string, sum []byte) ([]Part, error) {
	parts, err := t.line(ctx, u, ids)
	if err == nil && sum != nil {
		err = t.verifyMD5(ctx, u.ID, parts, sum)
	}
	if err == nil {
		err = t.validate(ctx, u.Purpose, "part_ids", parts)
	}
	return parts, err
}

// line puts the named Parts one behind the other and checks that they make
// the File that was declared.
func (t *tenant) line(ctx context.Context, u *Upload, ids []string) ([]Part, error) {
	if len(ids) > api.MaxPartIDs {
		return nil, api.Errorf(api.ErrInvalid, "part_ids",
			"Invalid 'part_ids': %d parts are more than the maximum of %d.", len(ids), api.MaxPartIDs)
	}
	known, err := t.partsByID(ctx, u)
	if err != nil {
		return nil, storeError(err)
	}
	parts := make([]Part, len(ids))
	seen := make(map[string]bool, len(ids))
	var total int64
	for i, id := range ids {
		p, ok := known[id]
		if !ok {
			return nil, api.Errorf(api.ErrInvalid, "part_ids",
				"Invalid 'part_ids': no part '%s' was added to upload %s.", clip(id), u.ID).WithCode(api.CodeInvalidPart)
		}
		if seen[id] {
			return nil, api.Errorf(api.ErrInvalid, "part_ids",
				"Invalid 'part_ids': part %s is named more than once.", id).WithCode(api.CodeDuplicatePart)
		}
		seen[id] = true
		p.Offset = total
		total += p.Bytes
		parts[i] = p
	}
	if total != u.Bytes {
		return nil, api.Errorf(api.ErrInvalid, "part_ids",
			"The parts add up to %d bytes, but %d bytes were declared for upload %s.", total, u.Bytes, u.ID).
			WithCode(api.CodeSizeMismatch)
	}
	return parts, nil
}

func (t *tenant) partsByID(ctx context.Context, u *Upload) (map[string]Part, error) {
	parts, err := t.Meta.Parts(ctx, u.Project, u.ID, Page{Limit: bounds(u).Parts})
	byID := make(map[string]Part, len(parts))
	for _, p := range parts {
		byID[p.ID] = p
	}
	return byID, err
}

// parseMD5 takes 32 hex digits of either case, or the same 16 bytes as base64;
// the description of the API does not say which it means.
func parseMD5(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	sum, err := hex.DecodeString(s)
	if err != nil {
		sum, err = base64.StdEncoding.DecodeString(s)
	}
	if err != nil || len(sum) != md5.Size {
		return nil, api.Errorf(api.ErrInvalid, "md5",
			"Invalid value for 'md5': '%s'. Expected the MD5 of the whole file as 32 hex digits.", clip(s))
	}
	return sum, nil
}

// verifyMD5 reads back what is stored, from the first Part on whose bytes were not
// seen as they came. (What the disk makes of those, their checksums tell.)
func (t *tenant) verifyMD5(ctx context.Context, uploadID string, parts []Part, want []byte) error {
	h, seen := t.md5s.of(uploadID, parts)
	c := newContent(ctx, t.Blobs, nil, parts)
	defer c.Close()
	if seen > 0 {
		last := parts[seen-1]
		if _, err := c.Seek(last.Offset+last.Bytes, io.SeekStart); err != nil {
			return err
		}
	}
	if err := hashBeside(h, c); err != nil {
		return storeError(err)
	}
	if got := h.Sum(nil); !slices.Equal(got, want) {
		return api.Errorf(api.ErrInvalid, "md5",
			"The MD5 of the parts in this order is %x, not the %x given.", got, want).WithCode(api.CodeMD5Mismatch)
	}
	return nil
}

// hashBeside hashes all of r. While a block is hashed the next is read: MD5 takes so
// long that reading, and verifying what is read, then costs no time of its own.
func hashBeside(h hash.Hash, r io.Reader) error {
	full, empty, hashed := make(chan []byte, 1), make(chan []byte, 2), make(chan struct{})
	for range cap(empty) {
		buf := blockBuffers.Get().(*[]byte)
		defer blockBuffers.Put(buf)
		empty <- *buf
	}
	go func() {
		defer close(hashed)
		for block := range full {
			h.Write(block) // never fails
			empty <- block[:cap(block)]
		}
	}()
	defer func() {
		close(full)
		<-hashed
	}()
	for {
		buf := <-empty
		n, err := r.Read(buf)
		full <- buf[:n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// expiry is when something created at created expires, 0 for never.
func expiry(created, life int64) int64 {
	if life == 0 {
		return 0
	}
	return created + life
}
