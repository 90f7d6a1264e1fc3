// Package faults runs the program on disks that are full, short of inodes,
// failing or read-only, and with too few file descriptors. It holds every answer
// to the contract, and the server to what it acknowledged.
package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/ledger"
	"uploadd/test/program"
)

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16") // nearly all of them wait for space to return, most of the time
	program.Main(m)
}

// patience is how long something that must happen by itself may take. A deleted
// blob stays for ten seconds.
const patience = 90 * time.Second

// command runs a program of the system to its end.
func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("this test runs as root with %s in the path: %s %s: %v\n%s", name, name, strings.Join(args, " "), err, out)
	}
}

// mount makes a file system of its own for the test.
func mount(t testing.TB, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	command(t, "mount", append(args, dir)...)
	t.Cleanup(func() { command(t, "umount", dir) })
	return dir
}

// ext4 makes an ext4 file system of 64 MiB, of which nothing is kept for root.
func ext4(t testing.TB, flags ...string) (dir, image string) {
	t.Helper()
	memory := uploadstest.Must(os.MkdirTemp("/dev/shm", "uploadd-faults"))(t)
	t.Cleanup(func() { os.RemoveAll(memory) })
	image = filepath.Join(memory, "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20)); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs.ext4", append(flags, "-q", "-F", "-m", "0", image)...)
	return mount(t, "-o", "loop", image), image
}

// strict is a client that holds every error to the contract.
type strict struct {
	api.API
	t testing.TB

	mu    sync.Mutex
	count int
	limit int         // calls after which done is called; 0 for no limit
	done  func()      // ends a load between two calls
	seen  map[int]int // status → answers
	lost  bool        // whether connections may break, as when none are left
}

// judge looks at the outcome of a call.
func (s *strict) judge(call string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count++; s.limit > 0 && s.count == s.limit {
		s.done()
	}
	if s.seen == nil {
		s.seen = map[int]int{}
	}
	var e *api.Error
	switch {
	case errors.Is(err, context.Canceled): // the rest of the life that the load ended in
	case err == nil:
		s.seen[200]++
	case !errors.As(err, &e):
		s.seen[0]++
		if !s.lost {
			s.t.Errorf("%s: no answer: %v", call, err)
		}
	default:
		s.seen[e.Status]++
		later := e.Status == 503 || e.Status == 507
		if e.Type == "" || e.Message == "" || e.RequestID == "" || later && (e.RetryAfter < 1 || e.RetryAfter > 8) {
			s.t.Errorf("%s: not an answer of the contract: %+v", call, *e)
		}
		if strings.Contains(e.Message, "/") || strings.Contains(e.Message, "SQL") {
			s.t.Errorf("%s: the answer tells the cause: %s", call, e.Message)
		}
	}
}

func (s *strict) CreateUpload(ctx context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	u, err := s.API.CreateUpload(ctx, req)
	s.judge("a creation", err)
	return u, err
}

func (s *strict) AddPart(ctx context.Context, id string, data io.Reader) (*api.Part, error) {
	p, err := s.API.AddPart(ctx, id, data)
	s.judge("a part", err)
	return p, err
}

func (s *strict) CompleteUpload(ctx context.Context, id string, req api.CompleteUploadRequest) (*api.Upload, error) {
	u, err := s.API.CompleteUpload(ctx, id, req)
	s.judge("a completion", err)
	return u, err
}

func (s *strict) CancelUpload(ctx context.Context, id string) (*api.Upload, error) {
	u, err := s.API.CancelUpload(ctx, id)
	s.judge("a cancellation", err)
	return u, err
}

func (s *strict) CreateFile(ctx context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	f, err := s.API.CreateFile(ctx, data, describe)
	s.judge("a file", err)
	return f, err
}

func (s *strict) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	l, err := s.API.ListFiles(ctx, q)
	s.judge("a list", err)
	return l, err
}

func (s *strict) OpenFile(ctx context.Context, id string) (api.Content, error) {
	c, err := s.API.OpenFile(ctx, id)
	s.judge("a download", err)
	return c, err
}

func (s *strict) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	d, err := s.API.DeleteFile(ctx, id)
	s.judge("a deletion", err)
	return d, err
}

// load puts calls on the server, one behind the other, and returns the answers
// by their status.
func load(t testing.TB, l *ledger.Ledger, a api.API, calls int, seed uint64) map[int]int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &strict{API: a, t: t, limit: calls, done: cancel}
	l.Load(ctx, s, 1, seed)
	return s.seen
}

// verify holds the server to everything that the ledger knows.
func verify(t testing.TB, l *ledger.Ledger, a api.API) {
	t.Helper()
	for _, fault := range l.Verify(t.Context(), &strict{API: a, t: t}, true) {
		t.Error(fault)
	}
}

// eventually waits until do has no error.
func eventually(t testing.TB, what string, do func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = do(); err == nil {
			return
		}
	}
	t.Fatalf("%s: still %v", what, err)
}

// usable says whether an Upload can be led from its beginning to its end.
func usable(ctx context.Context, a api.API) error {
	id, err := pending(ctx, a, 100<<10)
	if err != nil {
		return err
	}
	if _, err := a.AddPart(ctx, id, strings.NewReader(strings.Repeat("x", 100<<10))); err != nil {
		return err
	}
	_, err = a.CancelUpload(ctx, id)
	return err
}

func pending(ctx context.Context, a api.API, bytes int64) (string, error) {
	u, err := a.CreateUpload(ctx, api.CreateUploadRequest{
		Filename: "f.bin", Purpose: "user_data", Bytes: bytes, MimeType: "application/octet-stream"})
	if err != nil {
		return "", err
	}
	return u.ID, nil
}

// emptied deletes everything that the ledger knows, and waits until the disk
// holds no blob any more.
func emptied(t testing.TB, l *ledger.Ledger, s *program.Server) {
	t.Helper()
	if err := l.Discard(t.Context(), s); err != nil {
		t.Errorf("deleting everything: %v", err)
	}
	eventually(t, "the space of what was deleted", func() error {
		if n := len(program.Stored(t, s.Data)); n > 0 {
			return fmt.Errorf("%d blobs are left", n)
		}
		return nil
	})
}
