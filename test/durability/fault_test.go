package durability_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/meta"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// fail makes the calls of the server on these paths fail with EIO, until the
// function that it returns is called.
func fail(t *testing.T, s *program.Server, calls string, paths []string) (stop func()) {
	t.Helper()
	args := []string{"-f", "-p", fmt.Sprint(s.PID), "-e", "signal=none", "-e", "trace=" + calls, "-e", "inject=" + calls + ":error=EIO", "-o", "/dev/null"}
	for _, p := range paths {
		args = append(args, "-P", p)
	}
	cmd := exec.Command("strace", args...)
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for attached := false; !attached; attached = strings.Contains(lines.Text(), "attached") {
		if !lines.Scan() {
			t.Fatalf("strace does not attach: %v", cmd.Wait())
		}
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGINT) // it lets go of the server
		io.Copy(io.Discard, said)
		cmd.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func create(t *testing.T, a api.API) string {
	t.Helper()
	return uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "batch", Bytes: partSize, MimeType: "text/plain"}))(t).ID
}

// partSize makes a part's blob a file of its own, in bytes.
const partSize = 100_000

// A blob whose flush or close fails is not acknowledged, and the next is.
func TestBlobFails(t *testing.T) {
	s := program.Start(t, program.Options{})
	id := create(t, s)
	add := func() (*api.Part, error) { return s.AddPart(t.Context(), id, bytes.NewReader(make([]byte, partSize))) }
	uploadstest.Must(add())(t) // reserves the keys of those that follow
	records := uploadstest.Must(meta.OpenSQLiteReadOnly(filepath.Join(s.Data, "uploadd.db")))(t)
	defer records.Close()
	var blobs, shelves []string
	for _, e := range uploadstest.Must(records.Bin(t.Context(), "", 1000))(t) {
		shelf := filepath.Join(s.Data, "blobs", e.Key[len(e.Key)-2:])
		blobs, shelves = append(blobs, filepath.Join(shelf, e.Key)), append(shelves, shelf)
	}
	want := 1
	for _, tt := range []struct {
		what, calls string
		paths       []string
	}{
		{"flush of the bytes", "fsync", blobs},
		{"close", "close", blobs},
		{"flush of the name", "fsync", shelves},
	} {
		stop := fail(t, s, tt.calls, tt.paths)
		_, err := add()
		if known := (*api.Error)(nil); !errors.As(err, &known) || known.Status < 500 {
			t.Errorf("after a failed %s: %v", tt.what, err)
		}
		stop()
		uploadstest.Must(add())(t)
		want++
		if l := uploadstest.Must(s.ListParts(t.Context(), id, api.ListQuery{}))(t); len(l.Data) != want {
			t.Errorf("after a failed %s: %d parts, want %d", tt.what, len(l.Data), want)
		}
	}
	s.Kill()
	program.Check(t, s.Data)
}

// After a failed flush nobody knows what the log holds: nothing more is written
// until it has been read anew.
func TestLogFails(t *testing.T) {
	s := program.Start(t, program.Options{})
	before := create(t, s)
	request := api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"}
	stop := fail(t, s, "fsync,fdatasync", []string{filepath.Join(s.Data, "uploadd.db-wal")})
	_, err := s.CreateUpload(t.Context(), request)
	uploadstest.WantError(t, err, api.ErrUnavailable, "")
	stop()
	_, err = s.CreateUpload(t.Context(), request)
	uploadstest.WantError(t, err, api.ErrUnavailable, "")
	uploadstest.Must(s.GetUpload(t.Context(), before))(t) // reading goes on
	s.Kill()
	s = program.Start(t, program.Options{Data: s.Data})
	uploadstest.Must(s.GetUpload(t.Context(), before))(t)
	create(t, s)
	s.Kill()
	program.Check(t, s.Data)
}

// What a killed server had stored of a part is deleted by the next one, at once.
func TestKilledInMidPart(t *testing.T) {
	s := program.Start(t, program.Options{})
	id := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "f", Purpose: "batch", Bytes: 1 << 20, MimeType: "text/plain"}))(t).ID
	feed, hold := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := s.AddPart(context.Background(), id, feed)
		feed.CloseWithError(io.ErrClosedPipe)
		ended <- err
	}()
	hold.Write(uploadstest.Random(1, 100_000))
	wait(t, "a blob is there", func() bool { return len(program.Stored(t, s.Data)) == 1 })
	s.Kill()
	hold.CloseWithError(io.ErrClosedPipe)
	if err := <-ended; err == nil {
		t.Error("half a part was acknowledged")
	}
	s = program.Start(t, program.Options{Data: s.Data})
	wait(t, "the blob is gone", func() bool { return len(program.Stored(t, s.Data)) == 0 })
}

func wait(t *testing.T, what string, until func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !until(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
