// Package durability_test runs the program under strace and holds it to the order of
// its writes: what is acknowledged has been flushed, bytes before the record
// that refers to them, and names with them.
package durability_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("strace"); err != nil {
		os.Stderr.WriteString("these tests need strace: apt-get install strace\n")
		os.Exit(1)
	}
	program.Main(m)
}

// traced runs a server under strace, which writes to the path it returns.
func traced(t *testing.T, data string) (*program.Server, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	s := program.Start(t, program.Options{Data: data, Under: []string{"strace", "-f", "-y", "-qq", "-s", "64", "-e", "signal=none",
		"-e", "trace=openat,mkdirat,unlinkat,write,pwrite64,fsync,fdatasync", "-o", log}})
	return s, log
}

// Each answer leaves when what it acknowledges is on stable storage.
func TestOrderOfWrites(t *testing.T) {
	s, log := traced(t, filepath.Join(t.TempDir(), "data"))
	create := func() string {
		return uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{
			Filename: "f", Purpose: "batch", Bytes: 100_000, MimeType: "text/plain"}))(t).ID
	}
	data := uploadstest.Random(1, 100_000)
	id, cancelled := create(), create()
	part := uploadstest.Must(s.AddPart(t.Context(), id, bytes.NewReader(data)))(t)
	done := uploadstest.Must(s.CompleteUpload(t.Context(), id, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t)
	uploadstest.Must(s.CancelUpload(t.Context(), cancelled))(t)
	uploadstest.Must(s.CreateFile(t.Context(), bytes.NewReader(data), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
	}))(t)
	uploadstest.Must(s.DeleteFile(t.Context(), done.File.ID))(t)
	uploadstest.Must(s.CreateFile(t.Context(), strings.NewReader("small"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
	}))(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	answers := 0
	from := 0 // the call behind the answer before
	calls := readTrace(t, log)
	for i, c := range calls {
		if !c.answers("HTTP/1.1 200") {
			continue
		}
		answers++
		before := calls[from:i]
		record := last(before, func(c call) bool { return c.writes(wal) })
		if record < 0 {
			t.Fatalf("answer %d acknowledges nothing that was written", answers)
		}
		if !flushed(before[record:], wal, c.begun) {
			t.Errorf("answer %d leaves before the log is flushed", answers)
		}
		if answers == 3 || answers == 6 { // the part, and the file in one piece
			blobBeforeRecord(t, before)
		}
		if answers == 8 { // the small file
			smallBeforeRecord(t, before)
		}
		from = i + 1
	}
	if answers != 8 {
		t.Errorf("%d answers in the trace, want 8", answers)
	}
}

// blobBeforeRecord holds the calls before the answer to a part to their order.
func blobBeforeRecord(t *testing.T, calls []call) {
	t.Helper()
	stored := last(calls, func(c call) bool { return c.writes(blob) })
	if stored < 0 {
		t.Fatal("no bytes are stored before the answer")
	}
	// The record is the first of the log that begins behind the bytes' last write.
	record := stored + 1 + first(calls[stored+1:], func(c call) bool { return c.writes(wal) })
	bytes := flush(calls[stored:], blob)
	names := flush(calls[stored:], shelf)
	switch {
	case bytes == nil:
		t.Error("the bytes are never flushed")
	case names == nil:
		t.Error("the name is never flushed")
	case bytes.ended > names.begun || names.ended > calls[record].begun:
		t.Errorf("flushed: bytes at %d to %d, name at %d to %d, and recorded at %d",
			bytes.begun, bytes.ended, names.begun, names.ended, calls[record].begun)
	}
}

// smallBeforeRecord holds the calls before the answer to a small file to their order:
// its bytes are in the log, and flushed, before its record is written there.
func smallBeforeRecord(t *testing.T, calls []call) {
	t.Helper()
	if first(calls, func(c call) bool { return c.of(blob) }) >= 0 {
		t.Error("a small blob is a file")
	}
	record := last(calls, func(c call) bool { return c.writes(wal) })
	bytes := flush(calls, wal)
	if bytes == nil || bytes.ended > calls[record].begun {
		t.Errorf("nothing is flushed before the last write of the log at %d", calls[record].begun)
	}
}

// The janitor deletes what it has marked, and forgets a key when the deletion
// cannot be undone any more.
func TestOrderOfDeletion(t *testing.T) {
	s, log := traced(t, t.TempDir())
	// The bytes are stored before what describes them is refused.
	_, err := s.CreateFile(t.Context(), bytes.NewReader(uploadstest.Random(1, 100_000)), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "batch", ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 1}}, nil
	})
	uploadstest.WantError(t, err, api.ErrInvalid, "expires_after.seconds")
	var calls []call
	unlinked, forgotten := -1, -1
	for end := time.Now().Add(time.Minute); forgotten < 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was deleted and forgotten within a minute")
		}
		calls = readTrace(t, log)
		if unlinked = first(calls, func(c call) bool { return c.name == "unlinkat" && c.of(blob) }); unlinked >= 0 {
			forgotten = first(calls[unlinked:], func(c call) bool { return c.writes(wal) })
		}
	}
	marked := last(calls[:unlinked], func(c call) bool { return c.writes(wal) })
	if !flushed(calls[marked:unlinked], wal, calls[unlinked].begun) {
		t.Error("a blob is deleted before its mark is flushed")
	}
	deletion := flush(calls[unlinked:], shelf)
	if record := calls[unlinked+forgotten]; deletion == nil || deletion.ended > record.begun {
		t.Errorf("a key is forgotten at %d, and its blob's deletion flushed by %+v", record.begun, deletion)
	}
}

// The directories that the first start makes are there after a loss of power.
func TestFirstStart(t *testing.T) {
	parent := t.TempDir()
	data := filepath.Join(parent, "data")
	s, log := traced(t, data)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	calls := readTrace(t, log)
	for made, in := range map[string]string{data: parent, data + "/blobs": data, "ff": data + "/blobs"} {
		at := first(calls, func(c call) bool { return c.name == "mkdirat" && strings.Contains(c.text, `"`+made+`"`) })
		if at < 0 {
			t.Errorf("%s is never made", made)
		} else if first(calls[at:], func(c call) bool { return c.name == "fsync" && strings.Contains(c.text, "<"+in+">") }) < 0 {
			t.Errorf("%s is made in %s, and never flushed", made, in)
		}
	}
}
