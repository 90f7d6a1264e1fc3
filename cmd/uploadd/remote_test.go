package main

import (
	"path/filepath"
	"strings"
	"testing"

	"uploadd/internal/blob/s3test"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
)

// What waits to be removed is not said to be nothing where the bucket cannot be asked.
func TestGCNeedsTheBucket(t *testing.T) {
	s3test.Credentials()
	s, data := s3test.NewScripted(t), t.TempDir()
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(data, "uploadd.db")))(t)
	err := m.Reserve(t.Context(), []string{"part_reserved"}, 1)
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"gc", "--data", data, "--blobs", s.URL("p", "")}
	if code, stdout, stderr := invoke(t, args...); code != 0 || !strings.HasPrefix(stdout, "0 blobs") {
		t.Errorf("nothing is stored yet: exit %d, %q, %q", code, stdout, stderr)
	}
	s.Script("HEAD", func(x *s3test.Exchange) {
		if strings.HasSuffix(x.Name(), "part_reserved") {
			x.Fail(403, "AccessDenied")
			return
		}
		x.Serve()
	})
	if code, stdout, stderr := invoke(t, args...); code != 1 || !strings.Contains(stderr, "part_reserved") {
		t.Errorf("the bucket refuses: exit %d, %q, %q", code, stdout, stderr)
	}
}
