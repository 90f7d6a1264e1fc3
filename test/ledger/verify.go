package ledger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"

	"uploadd/api"
)

// Verify holds a server, after a restart and before the next load, to what is
// new since the last call and to a random sample of the rest; all of it if
// everything is true. What was ambiguous is known afterwards. It returns the
// faults of this call; an error that keeps it from looking is one of them.
func (l *Ledger) Verify(ctx context.Context, a api.API, everything bool) []string {
	const sample = 20
	before := len(l.Faults())
	l.mu.Lock()
	l.doubted = false
	l.mu.Unlock()
	v := &verifier{Ledger: l, ctx: ctx, api: a}
	for i, u := range l.uploads {
		if everything || i >= l.settled || rand.IntN(l.settled) < sample {
			v.upload(u)
		}
	}
	recent := max(0, len(l.files)-4*sample)
	for i, f := range l.files {
		if everything || i >= recent || f.deleted == ambiguous || rand.IntN(recent) < sample {
			v.file(f)
		}
	}
	v.strangers()
	l.settled = len(l.uploads)
	return l.Faults()[before:]
}

// Discard deletes and cancels all there is, so that a caller can see the space
// come back, and forgets it.
func (l *Ledger) Discard(ctx context.Context, a api.API) error {
	for _, u := range l.uploads {
		if u.completed == open && u.canceled == open {
			if _, err := a.CancelUpload(ctx, u.id); err != nil {
				return err
			}
		}
	}
	for _, f := range l.files {
		if f.deleted == open {
			if _, err := a.DeleteFile(ctx, f.id); err != nil {
				return err
			}
		}
	}
	l.uploads, l.files, l.lostFiles, l.settled = nil, nil, nil, 0
	return nil
}

type verifier struct {
	*Ledger
	ctx context.Context
	api api.API
}

func (v *verifier) upload(u *upload) {
	got, err := v.api.GetUpload(v.ctx, u.id)
	if err != nil {
		v.fault("upload %s was acknowledged, and is gone: %v", u.id, err)
		return
	}
	switch got.Status {
	case api.StatusPending:
		if u.completed == done || u.canceled == done {
			v.fault("upload %s is pending again, after an acknowledged end", u.id)
			return
		}
		u.completed, u.canceled = open, open
		v.pendingParts(u)
	case api.StatusCancelled:
		if u.canceled == open {
			v.fault("upload %s is cancelled, and nobody asked for it", u.id)
		}
		u.canceled = done
	case api.StatusCompleted:
		v.completed(u, got)
	default:
		v.fault("upload %s is %s", u.id, got.Status)
	}
}

// completed looks at an Upload that says it is completed.
func (v *verifier) completed(u *upload, got *api.Upload) {
	if u.completed == open {
		v.fault("upload %s is completed, and nobody asked for it", u.id)
		return
	}
	u.completed = done
	if got.File == nil {
		if u.file == nil || u.file.deleted == open {
			v.fault("upload %s is completed without a file", u.id)
		}
		return
	}
	if u.file == nil {
		v.keep(u, got.File.ID) // the answer was lost; it is known now
	}
	if got.File.ID != u.file.id {
		v.fault("upload %s was answered file %s, and has %s now", u.id, u.file.id, got.File.ID)
	}
	if u.file.deleted != open {
		return
	}
	again, err := v.api.CompleteUpload(v.ctx, u.id, api.CompleteUploadRequest{PartIDs: u.ids()})
	if err != nil || again.File == nil || again.File.ID != u.file.id {
		v.fault("upload %s, completed again, answers %+v, %v", u.id, again, err)
	}
}

// pendingParts looks for every acknowledged Part of a pending Upload, and for
// Parts that nobody sent.
func (v *verifier) pendingParts(u *upload) {
	list, err := v.api.ListParts(v.ctx, u.id, api.ListQuery{Order: "asc"})
	if err != nil {
		v.fault("the parts of upload %s: %v", u.id, err)
		return
	}
	found := map[string]api.PartInfo{}
	for _, p := range list.Data {
		found[p.ID] = p
	}
	for _, p := range u.parts {
		got, ok := found[p.id]
		if !ok {
			v.fault("part %s of upload %s was acknowledged, and is gone", p.id, u.id)
		} else if got.Bytes != int64(p.size) || got.CRC32C != p.crc32c() {
			v.fault("part %s of upload %s is not what was sent: %+v", p.id, u.id, got)
		}
		delete(found, p.id)
	}
	for id, got := range found { // their answers were lost
		whole := false
		for _, d := range u.lost {
			whole = whole || got.Bytes == int64(d.size) && got.CRC32C == d.crc32c()
		}
		if !whole {
			v.fault("part %s of upload %s is none that was sent: %+v", id, u.id, got)
		}
	}
}

func (v *verifier) file(f *file) {
	switch got, err := v.read(f.id); {
	case errors.Is(err, api.ErrNotFound):
		if f.deleted == open {
			v.fault("file %s was acknowledged, and is gone", f.id)
		}
		f.deleted = done
	case err != nil:
		v.fault("file %s: %v", f.id, err)
	case f.deleted == done:
		v.fault("file %s was deleted, and is back", f.id)
	case !bytes.Equal(got, f.bytes()):
		v.fault("file %s has not the bytes that were sent", f.id)
	default:
		f.deleted = open
	}
}

func (v *verifier) read(id string) ([]byte, error) {
	c, err := v.api.OpenFile(v.ctx, id)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return io.ReadAll(c)
}

// strangers lists the newest Files: each must be one that was acknowledged, or
// one whose answer was lost, whole.
func (v *verifier) strangers() {
	known := map[string]bool{}
	for _, f := range v.files {
		known[f.id] = true
	}
	list, err := v.api.ListFiles(v.ctx, api.ListQuery{Limit: 1000})
	if err != nil {
		v.fault("the list of files: %v", err)
		return
	}
	for _, f := range list.Data {
		if known[f.ID] {
			continue
		}
		got, err := v.read(f.ID)
		if err != nil {
			v.fault("file %s: %v", f.ID, err)
			continue
		}
		lost := -1
		for i, d := range v.lostFiles {
			if bytes.Equal(got, d.bytes()) {
				lost = i
			}
		}
		if lost < 0 {
			v.fault("file %s of %d bytes is listed, and nobody sent it", f.ID, len(got))
			continue
		}
		v.files = append(v.files, &file{id: f.ID, parts: []data{v.lostFiles[lost]}})
		v.lostFiles = append(v.lostFiles[:lost], v.lostFiles[lost+1:]...)
	}
}
