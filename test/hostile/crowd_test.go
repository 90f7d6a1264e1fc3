package hostile

import (
	"bytes"
	"sync"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// Many at once are no attack: however many parts of an Upload are sent at the same
// time, on a connection each, all of them arrive.
func TestHonestCrowd(t *testing.T) {
	t.Parallel()
	const parts, size = 400, 100 << 10 // more than may have stalled
	s := program.Start(t, program.Options{})
	u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: parts * size, MimeType: "a/b"}))(t)
	ids := make([]string, parts)
	var wg sync.WaitGroup
	for n := range parts {
		wg.Go(func() {
			p, err := s.AddPart(t.Context(), u.ID, bytes.NewReader(bytes.Repeat([]byte{byte(n)}, size)))
			if err != nil {
				t.Errorf("part %d: %v", n, err)
				return
			}
			ids[n] = p.ID
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	done := uploadstest.Must(s.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: ids}))(t)
	if done.File.Bytes != parts*size {
		t.Errorf("the file has %d bytes", done.File.Bytes)
	}
}
