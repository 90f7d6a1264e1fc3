package uploads_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

func (w *world) limit(l uploads.Limits) {
	w.t.Helper()
	if err := w.meta.SetLimits(w.t.Context(), "default", 0, func(to *uploads.Limits) { *to = l }); err != nil {
		w.t.Fatal(err)
	}
}

// counted counts what is read of it.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// What there is no room for is refused in the caller's terms, a File as soon as
// that is known, and leaves nothing.
func TestQuota(t *testing.T) {
	w := newWorld(t)
	file := func(data io.Reader) error {
		_, err := w.api.CreateFile(t.Context(), data, func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
		})
		return err
	}
	create := func(bytes int64) (*api.Upload, error) {
		return w.api.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: bytes, MimeType: "text/plain"})
	}
	w.limit(uploads.Limits{Bytes: 100_000, Files: 4, Uploads: 2})
	endless := &counted{Reader: strings.NewReader(strings.Repeat("x", 10<<20))}
	uploadstest.WantError(t, file(endless), api.ErrQuota, "bytes")
	if endless.n < 100_000 || endless.n > 1<<20 {
		t.Errorf("%d bytes were read of what was too much from 100,000 on", endless.n)
	}
	fatal(t, file(strings.NewReader(strings.Repeat("x", 99_990))))
	u := uploadstest.Must(create(5))(t)
	_, err := create(6)
	uploadstest.WantError(t, err, api.ErrQuota, "bytes")
	uploadstest.Must(create(0))(t)
	_, err = create(0)
	if e := uploadstest.WantError(t, err, api.ErrTooManyRequests, ""); e.RetryAfter == 0 {
		t.Error("an upload too many: no word of when to try again")
	}
	w.limit(uploads.Limits{Bytes: 100_000, Files: 3, Uploads: 2})
	unread := &counted{Reader: strings.NewReader("abc")}
	uploadstest.WantError(t, file(unread), api.ErrQuota, "")
	if unread.n != 0 {
		t.Errorf("%d bytes were read of a file too many", unread.n)
	}
	// The declared bytes fit, and and so do they twice; three times they do not.
	part := uploadstest.Must(w.api.AddPart(t.Context(), u.ID, strings.NewReader("abcde")))(t)
	uploadstest.Must(w.api.AddPart(t.Context(), u.ID, strings.NewReader("abcde")))(t)
	_, err = w.api.AddPart(t.Context(), u.ID, strings.NewReader("abcde"))
	uploadstest.WantError(t, err, api.ErrQuota, "bytes")
	w.limit(uploads.Limits{}) // an upload that was promised its room keeps it
	uploadstest.Must(w.api.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t)
	usage := uploadstest.Must(w.api.Usage(t.Context()))(t)
	if p := usage.Project; p.Bytes != 99_995 || p.ReservedBytes != 0 || p.Files != 2 || p.Uploads != 1 || *p.Limits.Files != 0 {
		t.Errorf("the project holds %+v", p)
	}
	if usage.Key != nil {
		t.Errorf("a key that there is not: %+v", usage.Key)
	}
	w.pass(time.Minute)
	w.clean()
	if blobs := w.stored(); len(blobs) != 2 {
		t.Errorf("stored are %v, want the bytes of the two files", blobs)
	}
	w.sound("at the end")
}

// A key is charged for what it makes, and its project as well.
func TestQuotaOfKey(t *testing.T) {
	w := newWorld(t)
	other := w.svc.As(uploads.Caller{Project: "default", Key: "key_nobody_made"})
	if _, err := other.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", MimeType: "text/plain"}); err == nil || errors.Is(err, api.ErrQuota) {
		t.Errorf("a key without an account: %v", err)
	}
}
