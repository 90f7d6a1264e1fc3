package transfer

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// between is a server in front of another one, which changes what goes through.
type between struct {
	change   atomic.Pointer[func(http.ResponseWriter, *http.Request) http.ResponseWriter] // its nil: it has answered
	received atomic.Int64                                                                 // bytes of content that went through
	ranges   atomic.Int64                                                                 // requests for content
}

func (b *between) serve(t *testing.T, target string) string {
	next := httputil.NewSingleHostReverseProxy(uploadstest.Must(url.Parse(target))(t))
	next.FlushInterval = -1
	next.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/content") {
			b.ranges.Add(1)
			if change := b.change.Load(); change != nil {
				if w = (*change)(w, r); w == nil {
					return
				}
			}
			w = &counted{w, &b.received}
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (b *between) set(change func(http.ResponseWriter, *http.Request) http.ResponseWriter) {
	b.change.Store(&change)
}

type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// altered is a body of which some of the bytes are changed, or after which the
// connection breaks.
type altered struct {
	http.ResponseWriter
	left int // bytes until it breaks
	flip bool
}

func (a *altered) Write(p []byte) (int, error) {
	if a.flip && len(p) > 0 {
		p = bytes.Clone(p)
		p[len(p)/2] ^= 1
	}
	if len(p) > a.left {
		a.ResponseWriter.Write(p[:a.left])
		http.NewResponseController(a.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	a.left -= len(p)
	return a.ResponseWriter.Write(p)
}

func (a *altered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// stored is a File on a server behind a between.
type stored struct {
	between
	*Downloader
	file *api.File
	data []byte
	seen events
	path string // where to put it
}

func newStored(t *testing.T, size int) *stored {
	t.Helper()
	s := &stored{data: uploadstest.Random(uint64(size), size), path: filepath.Join(t.TempDir(), "back.jsonl")}
	url := uploadd(t)
	u := newUploader(t, url)
	u.PartSize = 1 << 20
	s.file = uploadstest.Must(u.UploadFile(t.Context(), file(t, s.data), Request{}))(t)
	s.Downloader = &Downloader{Client: newClient(t, s.serve(t, url)), RangeSize: 64 << 10, Patience: 5 * time.Second,
		Progress: s.seen.add, firstWait: time.Millisecond}
	return s
}

// get fetches it, and fails the test unless it arrives.
func (s *stored) get(t *testing.T, wantChecked bool) {
	t.Helper()
	checked, err := s.DownloadFile(t.Context(), s.file, s.path, false)
	if err != nil || checked != wantChecked {
		t.Fatalf("checked %v, want %v: %v", checked, wantChecked, err)
	}
	s.wantOnly(t)
}

// wantOnly fails the test unless the bytes are there, and nothing beside them.
func (s *stored) wantOnly(t *testing.T) {
	t.Helper()
	if got := uploadstest.Must(os.ReadFile(s.path))(t); !bytes.Equal(got, s.data) {
		t.Errorf("%d other bytes than the %d of the File", len(got), len(s.data))
	}
	if all := uploadstest.Must(os.ReadDir(filepath.Dir(s.path)))(t); len(all) != 1 {
		t.Errorf("there is more: %v", all)
	}
	if last := s.seen.all[len(s.seen.all)-1]; last.Event != Done || last.Bytes != s.file.Bytes {
		t.Errorf("the last event is %+v", last)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 64 << 10, firstRange, firstRange + 1, 1_234_567} {
		s := newStored(t, size)
		s.get(t, true)
		var b bytes.Buffer
		if checked, err := s.Download(t.Context(), s.file, &b); !checked || err != nil || !bytes.Equal(b.Bytes(), s.data) {
			t.Errorf("%d bytes: %d, checked %v, %v", size, b.Len(), checked, err)
		}
		if size == 1_234_567 && s.ranges.Load() < 2*19 {
			t.Errorf("%d ranges", s.ranges.Load())
		}
	}
}

func TestDownloadKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newStored(t, 100_000)
	if err := os.WriteFile(s.path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	// One that comes to be there in the meantime is kept as well.
	os.Remove(s.path)
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		os.WriteFile(s.path, []byte("mine"), 0o600)
		return w
	})
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if got, _ := os.ReadFile(s.path); string(got) != "mine" {
		t.Errorf("%q", got)
	}
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, true); err != nil {
		t.Error(err)
	}
	s.wantOnly(t)
}

// TestDownloadOverNoFile: a link or a directory is not replaced, nor is a device.
func TestDownloadOverNoFile(t *testing.T) {
	t.Parallel()
	s := newStored(t, 1000)
	dir := filepath.Dir(s.path)
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "link")} {
		before := uploadstest.Must(os.Lstat(path))(t)
		if _, err := s.DownloadFile(t.Context(), s.file, path, true); !errors.Is(err, errNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
		if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s is %v now: %v", path, after, err)
		}
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a link was followed", err)
	}
}

// TestDownloadOverPlantedPart: what somebody has put where the bytes are to be is not
// followed.
func TestDownloadOverPlantedPart(t *testing.T) {
	t.Parallel()
	s := newStored(t, 1000)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, s.partPath(s.file, s.path)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, true); err == nil {
		t.Error("a link was taken for what is there of the File")
	}
	if got := uploadstest.Must(os.ReadFile(victim))(t); string(got) != "precious" {
		t.Errorf("the file that it leads to holds %.20q", got)
	}
}

// cutOff starts a download and ends it in the middle.
func (s *stored) cutOff(t *testing.T) (part string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Progress = func(p Progress) {
		s.seen.add(p)
		if p.Event == Sent && p.Bytes > p.Total/2 {
			cancel()
		}
	}
	if _, err := s.DownloadFile(ctx, s.file, s.path, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.Progress = s.seen.add
	part = s.partPath(s.file, s.path)
	got := uploadstest.Must(os.ReadFile(part))(t)
	if len(got) == 0 || len(got) == len(s.data) || !bytes.HasPrefix(s.data, got) {
		t.Fatalf("%d bytes are kept, and must be the first ones of the File", len(got))
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file that is not whole has its name", err)
	}
	return part
}

func TestDownloadGoesOn(t *testing.T) {
	t.Parallel()
	s := newStored(t, 8<<20)
	slow := func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		time.Sleep(5 * time.Millisecond)
		return w
	}
	s.set(slow)
	kept := int64(len(uploadstest.Must(os.ReadFile(s.cutOff(t)))(t)))
	before := s.received.Load()
	s.get(t, true)
	if got := s.received.Load() - before; got != s.file.Bytes-kept {
		t.Errorf("%d bytes were fetched, and %d were missing", got, s.file.Bytes-kept)
	}
	if s.seen.count(Resumed) != 1 {
		t.Error("it did not say that it goes on")
	}
}

// TestDownloadOverDamage: what an earlier call left may be damaged, or longer
// than the File.
func TestDownloadOverDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(part []byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"longer":  func([]byte) []byte { return make([]byte, 9<<20) },
		"whole, and all zeros": func([]byte) []byte {
			return make([]byte, 8<<20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStored(t, 8<<20)
			s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
				time.Sleep(5 * time.Millisecond)
				return w
			})
			part := s.cutOff(t)
			if err := os.WriteFile(part, damage(uploadstest.Must(os.ReadFile(part))(t)), 0o600); err != nil {
				t.Fatal(err)
			}
			s.get(t, true)
		})
	}
}

// TestDownloadThroughABadNetwork: connections that break again and again, and a
// server that is busy in between.
func TestDownloadThroughABadNetwork(t *testing.T) {
	t.Parallel()
	s := newStored(t, 3_000_000)
	var n atomic.Int64
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if n.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return nil
		}
		return &altered{ResponseWriter: w, left: 1 + rand.IntN(50_000)}
	})
	s.get(t, true)
	if s.seen.count(Retrying) == 0 {
		t.Error("nothing went wrong")
	}
}

// TestDownloadFromServersThatDoLess: without ranges, and without a checksum.
func TestDownloadFromServersThatDoLess(t *testing.T) {
	t.Parallel()
	s := newStored(t, 1_000_000)
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		r.Header.Del("Range")
		r.Header.Del("If-Range")
		return &without{ResponseWriter: w, headers: []string{"Repr-Digest", "Etag", "Accept-Ranges"}}
	})
	s.get(t, false)
}

// without leaves headers out.
type without struct {
	http.ResponseWriter
	headers []string
}

func (w *without) WriteHeader(status int) {
	for _, h := range w.headers {
		w.Header().Del(h)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *without) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestDownloadOfOtherBytes(t *testing.T) {
	t.Parallel()
	s := newStored(t, 1_000_000)
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		return &altered{ResponseWriter: w, left: 1 << 30, flip: true}
	})
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, false); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("damaged bytes have the file's name", err)
	}
	// Nothing of them is used again.
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter { return w })
	s.get(t, true)
	if s.seen.count(Resumed) > 0 {
		t.Error("it went on with damaged bytes")
	}
}

func TestDownloadTwice(t *testing.T) {
	t.Parallel()
	s := newStored(t, 500_000)
	var once atomic.Bool
	other := &Downloader{Client: s.Client}
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if once.CompareAndSwap(false, true) {
			if _, err := other.DownloadFile(r.Context(), s.file, s.path, false); !errors.Is(err, ErrBusy) {
				t.Errorf("a second one: %v", err)
			}
		}
		return w
	})
	s.get(t, true)
}

func TestDownloadThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newStored(t, 500_000)
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		w.WriteHeader(http.StatusForbidden)
		return nil
	})
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, false); !errors.Is(err, api.ErrForbidden) {
		t.Error(err)
	}
	s.Patience = 50 * time.Millisecond
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter { panic(http.ErrAbortHandler) })
	if _, err := s.DownloadFile(t.Context(), s.file, s.path, false); !errors.Is(err, ErrNoProgress) {
		t.Error(err)
	}
	s.set(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter { return w })
	if _, err := s.Download(t.Context(), s.file, fullDisk{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("no room")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
