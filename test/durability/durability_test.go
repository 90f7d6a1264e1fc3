// Package durability holds the program, call by call, to the order of writes that
// a loss of power needs: bytes, name, record, answer.
package durability

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

const (
	socket = `<socket:`
	wal    = `<[^>]*/uploadd\.db-wal>`
	small  = "ab" // what most parts hold
)

// step is a request that changes something.
type step struct {
	name  string
	blob  bool // whether it stores bytes
	calls []call
}

// Every answer comes after the flush of what it acknowledges.
func TestOrderOfWrites(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is missing: install it, or run `make tools`")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	s := program.Start(t, program.Options{Under: []string{"strace", "-f", "-y", "-qq", "-s", "20", "-o", trace, "-e", "signal=none",
		"-e", "trace=openat,write,pwrite64,fsync,fdatasync,sync_file_range,unlinkat,renameat,renameat2,ftruncate"}})
	steps := live(t, s)
	waitForJanitor(t, s)
	if err := s.Stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	calls := parse(t, trace)
	opening := split(t, calls, steps)
	reservedFirst(t, opening, steps)
	for _, st := range steps {
		t.Run(st.name, func(t *testing.T) {
			if st.blob {
				blobBeforeRecord(t, st.calls)
			}
			recordBeforeAnswer(t, st.calls)
		})
	}
	deletedForGood(t, calls)
	neverTwice(t, calls)
}

// live leads a life in which every kind of change happens once or more, one
// request behind the other.
func live(t *testing.T, s *program.Server) (steps []step) {
	did := func(name string, blob bool) { steps = append(steps, step{name: name, blob: blob}) }
	create := func(n int64) string {
		u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{
			Filename: "f", Purpose: "user_data", Bytes: n, MimeType: "text/plain"}))(t)
		did("create upload", false)
		return u.ID
	}
	add := func(name, upload string, data []byte) string {
		p := uploadstest.Must(s.AddPart(t.Context(), upload, bytes.NewReader(data)))(t)
		did(name, true)
		return p.ID
	}
	large := uploadstest.Random(1, 700_000) // past the page cache, and no multiple of a sector
	u := create(int64(len(large) + len(small)))
	ids := []string{add("add part", u, []byte(small)), add("add large part", u, large)}
	done := uploadstest.Must(s.CompleteUpload(t.Context(), u, api.CompleteUploadRequest{PartIDs: ids}))(t)
	did("complete", false)
	cancelled := create(2)
	add("add another part", cancelled, []byte(small))
	uploadstest.Must(s.CancelUpload(t.Context(), cancelled))(t)
	did("cancel", false)
	uploadstest.Must(s.CreateFile(t.Context(), strings.NewReader(small), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
	}))(t)
	did("create file", true)
	uploadstest.Must(s.DeleteFile(t.Context(), done.File.ID))(t)
	did("delete file", false)
	return steps
}

// waitForJanitor waits until only the living File is on the disk.
func waitForJanitor(t *testing.T, s *program.Server) {
	for end := time.Now().Add(2 * time.Minute); len(program.Stored(t, s.Data)) != 1; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still on the disk: %v", program.Stored(t, s.Data))
		}
	}
	time.Sleep(time.Second) // it forgets the keys
}

// split gives each step the calls up to its answer, and returns those before the
// first step.
func split(t *testing.T, calls []call, steps []step) (opening []call) {
	from := first(calls, 0, "write", `<pipe:`) + 1 // what says that the server listens
	opening = calls[:from]
	for i := range steps {
		answer := first(calls, from, "write", socket+`[^,]*, "HTTP/1\.1 200 OK`) // not 100 Continue
		if answer < 0 {
			t.Fatalf("the trace shows no answer to %s", steps[i].name)
		}
		steps[i].calls = calls[from : answer+1]
		from = answer + 1
	}
	return opening
}

// after fails unless a call of name and pattern begins after the call at from has
// ended, and returns its index.
func after(t *testing.T, calls []call, from int, name, pattern, what string) int {
	t.Helper()
	for i := range calls {
		if calls[i].is(name, pattern) && calls[i].begun > calls[from].ended {
			return i
		}
	}
	t.Fatalf("%s: there is no %s of %s after %s(%.80s", what, name, pattern, calls[from].name, calls[from].args)
	return -1
}

// reservedFirst: the bin's entry is on stable storage before the blob's file is made.
func reservedFirst(t *testing.T, opening []call, steps []step) {
	t.Helper()
	calls := slices.Clone(opening)
	for _, st := range steps {
		calls = append(calls, st.calls...)
		if !st.blob {
			continue
		}
		made := blobOpened(t, calls)
		flushed := last(calls[:made], "fsync", wal)
		written := last(calls[:made], "pwrite64", wal)
		if flushed < 0 || flushed < written {
			t.Error("a blob was made before its key in the bin was flushed")
		}
		return
	}
}

var created = regexp.MustCompile(`"part_[0-9a-f]+", [A-Z_|]*O_CREAT`)

func blobOpened(t *testing.T, calls []call) int {
	t.Helper()
	i := slices.IndexFunc(calls, func(c call) bool { return c.name == "openat" && created.MatchString(c.args) })
	if i < 0 {
		t.Fatal("the trace shows no blob")
	}
	return i
}

var blobPath = regexp.MustCompile(`<(/[^>]*/blobs/[0-9a-f]{2})>, "(part_[0-9a-f]+)"`)

// blobBeforeRecord: bytes, flush, name, flush, record.
func blobBeforeRecord(t *testing.T, calls []call) {
	m := blobPath.FindStringSubmatch(calls[blobOpened(t, calls)].args)
	if m == nil {
		t.Fatalf("a blob was opened as %s", calls[blobOpened(t, calls)].args)
	}
	dir, file := regexp.QuoteMeta("<"+m[1]+">"), regexp.QuoteMeta("<"+m[1]+"/"+m[2]+">")
	written := last(calls, "write", file)
	if written < 0 {
		t.Fatal("nothing was written to the blob")
	}
	flushed := after(t, calls, written, "fsync", file, "the bytes")
	named := after(t, calls, flushed, "fsync", dir+`$`, "the name")
	after(t, calls, named, "pwrite64", wal, "the record")
	for i := range calls {
		if calls[i].is("fsync", file) && i != flushed {
			t.Error("a blob was flushed twice")
		}
	}
}

// recordBeforeAnswer: the last write of the log is flushed before the answer begins.
func recordBeforeAnswer(t *testing.T, calls []call) {
	answer := calls[len(calls)-1]
	recorded := last(calls, "pwrite64", wal)
	if recorded < 0 {
		t.Fatal("nothing was recorded")
	}
	flushed := after(t, calls, recorded, "fsync", wal, "the record")
	if calls[flushed].ended >= answer.begun {
		t.Error("the answer began before the record was flushed")
	}
}

// deletedForGood: a deletion is flushed before its key leaves the bin.
func deletedForGood(t *testing.T, calls []call) {
	t.Helper()
	deleted := 0
	for i, c := range calls {
		if c.name != "unlinkat" || !strings.Contains(c.args, "/blobs") {
			continue
		}
		deleted++
		doomed := last(calls[:i], "fsync", wal)
		if doomed < 0 || doomed < last(calls[:i], "pwrite64", wal) {
			t.Error("a blob was deleted before its key was marked for good")
		}
		m := regexp.MustCompile(`<(/[^>]*)>`).FindStringSubmatch(c.args)
		flushed := after(t, calls, i, "fsync", regexp.QuoteMeta("<"+m[1])+`(/\w\w)?>$`, "the deletion")
		forgotten := after(t, calls, flushed, "pwrite64", wal, "the bin")
		if early := first(calls[i:forgotten], 0, "pwrite64", wal); early >= 0 {
			t.Error("the bin was written between a deletion and its flush")
		}
	}
	if deleted != 3 {
		t.Errorf("%d blobs were deleted, want 3", deleted)
	}
}

// neverTwice: no blob is opened for writing but once, new, and none is cut or renamed.
func neverTwice(t *testing.T, calls []call) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range calls {
		if c.name == "ftruncate" && strings.Contains(c.args, "/blobs/") || strings.HasPrefix(c.name, "rename") {
			t.Errorf("%s(%s)", c.name, c.args)
		}
		if c.name != "openat" || !strings.Contains(c.args, `"part_`) || strings.Contains(c.args, "O_RDONLY") {
			continue
		}
		key := blobPath.FindString(c.args)
		if seen[key] || !strings.Contains(c.args, "O_EXCL") || strings.Contains(c.args, "O_TRUNC") {
			t.Errorf("openat(%s)", c.args)
		}
		seen[key] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d blobs were written, want 4", len(seen))
	}
}
