package server_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// What shows in the first bytes that are asked for is an answer of its own, also where
// nobody looked before: the download of it has not begun.
func TestDamageIsAnsweredBeforeTheDownload(t *testing.T) {
	dir := t.TempDir()
	s := newServerOn(t, dir, uploads.Config{Remote: true})
	a := s.client(t, "p")
	u := createUpload(t, a, 6)
	first := uploadstest.Must(a.AddPart(t.Context(), u, strings.NewReader("abc")))(t)
	second := uploadstest.Must(a.AddPart(t.Context(), u, strings.NewReader("def")))(t)
	done := uploadstest.Must(a.CompleteUpload(t.Context(), u, api.CompleteUploadRequest{PartIDs: []string{first.ID, second.ID}}))(t)
	blobs := uploadstest.Must(filepath.Glob(filepath.Join(dir, "blobs", "*", second.ID)))(t)
	if len(blobs) != 1 {
		t.Fatalf("the part is stored in %v", blobs)
	}
	if err := os.WriteFile(blobs[0], []byte("dXf"), 0o600); err != nil {
		t.Fatal(err)
	}
	for ranged, want := range map[string]int{"bytes=0-2": 206, "bytes=4-": 500, "bytes=3-5": 500} {
		r := uploadstest.Must(http.NewRequest("GET", s.url+"/files/"+done.File.ID+"/content", nil))(t)
		r.Header.Set("Authorization", "Bearer p")
		r.Header.Set("Range", ranged)
		resp := uploadstest.Must(http.DefaultClient.Do(r))(t)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("range %q: status %d, want %d", ranged, resp.StatusCode, want)
		}
		if err != nil || want == 206 && string(body) != "abc" {
			t.Errorf("range %q: %q, %v", ranged, body, err)
		}
		if want == 500 && (!strings.Contains(string(body), `"error"`) || resp.Header.Get("Content-Range") != "") {
			t.Errorf("range %q: %q, Content-Range %q", ranged, body, resp.Header.Get("Content-Range"))
		}
	}
}
