package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// Files of every size that is cut in another way arrive whole, and once.
func TestUploadFile(t *testing.T) {
	t.Parallel()
	const part = 64 << 10
	for _, tt := range []struct {
		name string
		size int
		u    *Uploader
		want Plan
	}{
		{"empty", 0, &Uploader{}, Plan{PartSize: minPart}},
		{"a byte", 1, &Uploader{}, Plan{Size: 1, Single: true, PartSize: 1, Parts: 1}},
		{"the largest of one request", singleMax, &Uploader{}, Plan{Size: singleMax, Single: true, PartSize: singleMax, Parts: 1}},
		{"a byte more", singleMax + 1, &Uploader{}, Plan{Size: singleMax + 1, PartSize: minPart, Parts: 1}},
		{"whole Parts", 4 * part, &Uploader{PartSize: part}, Plan{Size: 4 * part, PartSize: part, Parts: 4}},
		{"a short last Part", 20*part + 1, &Uploader{PartSize: part}, Plan{Size: 20*part + 1, PartSize: part, Parts: 21}},
		{"one at a time", 5 * part, &Uploader{PartSize: part, Parallel: 1, NoMD5: true}, Plan{Size: 5 * part, PartSize: part, Parts: 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, seen := tt.u, &events{}
			u.Client, u.Progress, u.Journal = newClient(t, uploadd(t)), seen.add, t.TempDir()
			if plan, err := u.Plan(int64(tt.size)); err != nil || plan != tt.want {
				t.Errorf("plan %+v, %v; want %+v", plan, err, tt.want)
			}
			data := uploadstest.Random(1, tt.size)
			f := uploadstest.Must(u.UploadFile(t.Context(), file(t, data), Request{Purpose: "batch",
				ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 7200}}))(t)
			if f.Filename != "data.jsonl" || f.Purpose != "batch" || f.ExpiresAt == nil || *f.ExpiresAt != f.CreatedAt+7200 {
				t.Errorf("%+v", f)
			}
			wantFile(t, u.Client, f, data)
			wantFiles(t, u.Client, 1)
			if left := uploadstest.Must(os.ReadDir(u.Journal))(t); len(left) > 0 {
				t.Errorf("a journal is left: %v", left)
			}
			last := seen.all[len(seen.all)-1]
			if last.Event != Done || last.File.ID != f.ID || last.Bytes != int64(tt.size) || last.Parts != tt.want.Parts {
				t.Errorf("the last event is %+v", last)
			}
			if seen.count(Started) != 1 || seen.count(PartDone) != tt.want.Parts || seen.count(Retrying) > 0 {
				t.Errorf("%d started, %d parts, %d retries", seen.count(Started), seen.count(PartDone), seen.count(Retrying))
			}
		})
	}
}

// A file whose name the server may change can be found by its Upload alone, so
// it does not go by one request.
func TestNameOfSmallFile(t *testing.T) {
	u := newUploader(t, uploadd(t))
	for name, single := range map[string]bool{"plain-1.jsonl": true, "you and me.txt": false, "a/b": false, "ü": false} {
		seen := &events{}
		one := &Uploader{Client: u.Client, Progress: seen.add}
		f := uploadstest.Must(one.Upload(t.Context(), Source{ReaderAt: strings.NewReader("x"), Size: 1}, Request{Filename: name}))(t)
		if f.Filename != name || (seen.all[0].UploadID == "") != single {
			t.Errorf("%q became %q, by one request: %v", name, f.Filename, !single)
		}
	}
}

func TestUploadStream(t *testing.T) {
	t.Parallel()
	u := newUploader(t, uploadd(t))
	u.PartSize = 100_000
	data := uploadstest.Random(2, 1_234_567)
	// A stream that is not all there at once, and has no length.
	f := uploadstest.Must(u.UploadStream(t.Context(), iotest.HalfReader(bytes.NewReader(data)), Request{Filename: "stream"}))(t)
	wantFile(t, u.Client, f, data)
	oops := errors.New("oops")
	if _, err := u.UploadStream(t.Context(), iotest.ErrReader(oops), Request{}); !errors.Is(err, oops) {
		t.Error(err)
	}
	wantFiles(t, u.Client, 1)
}

// A stream that says nothing more does not hold up who cancels.
func TestCancelledStream(t *testing.T) {
	u := newUploader(t, uploadd(t))
	r, w := io.Pipe()
	defer w.Close()
	oops := errors.New("oops")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(oops) })
	if _, err := u.UploadStream(ctx, r, Request{}); !errors.Is(err, oops) {
		t.Error(err)
	}
	wantFiles(t, u.Client, 0)
}

func TestWhatCannotBeSent(t *testing.T) {
	u := newUploader(t, uploadd(t))
	if _, err := u.UploadFile(t.Context(), filepath.Join(t.TempDir(), "missing"), Request{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := u.UploadFile(t.Context(), t.TempDir(), Request{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	// What the server refuses is refused at once.
	_, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(3, 2<<20)), Request{Purpose: "no such purpose"})
	uploadstest.WantError(t, err, api.ErrInvalid, "purpose")
	for _, size := range []int64{-1, math.MaxInt64} {
		if plan, err := u.Plan(size); err == nil {
			t.Errorf("%d bytes: %+v", size, plan)
		}
	}
	u.PartSize = api.MaxPart + 1
	if _, err := u.Plan(1); err == nil {
		t.Error("a Part larger than any server takes")
	}
	u.PartSize = 1
	if _, err := u.Plan(api.MaxPartIDs + 1); err == nil {
		t.Error("more Parts than any server takes")
	}
	wantFiles(t, u.Client, 0)
}

// broken fails to read behind a place.
type broken struct {
	io.ReaderAt
	at  int64
	err error
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.at {
		return 0, b.err
	}
	return b.ReaderAt.ReadAt(p, off)
}

// An error of the source is what the call returns; nothing is left behind, and
// nobody tries again.
func TestFailingSource(t *testing.T) {
	t.Parallel()
	oops := errors.New("oops")
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{{"error", oops, oops}, {"shorter than its size", io.EOF, ErrChanged}} {
		for _, size := range []int{1 << 20, 3 << 20} {
			u, seen := newUploader(t, uploadd(t)), &events{}
			u.Progress = seen.add
			src := Source{ReaderAt: broken{bytes.NewReader(uploadstest.Random(4, size)), int64(size) - 100_000, tt.err}, Size: int64(size)}
			if _, err := u.Upload(t.Context(), src, Request{Filename: "f"}); !errors.Is(err, tt.want) {
				t.Errorf("%s, %d bytes: %v", tt.name, size, err)
			}
			wantFiles(t, u.Client, 0)
			if n := seen.count(Retrying); n > 0 {
				t.Errorf("%s, %d bytes: %d retries", tt.name, size, n)
			}
			for _, up := range uploadstest.Must(u.Client.ListUploads(t.Context(), api.ListQuery{}))(t).Data {
				if up.Status != api.StatusCancelled {
					t.Errorf("%s: an Upload is left %s", tt.name, up.Status)
				}
			}
		}
	}
}

// A file that is written to while it is sent never becomes a File, whatever part
// of it had been sent.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 20, 3 << 20} {
		u := newUploader(t, uploadd(t))
		u.Journal = t.TempDir()
		u.NoMD5 = true // the hard case: its time must tell
		path := file(t, uploadstest.Random(5, size))
		u.Progress = func(p Progress) {
			if p.Event == Sent {
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err == nil {
					_, err = f.WriteAt([]byte("changed"), 7)
					err = errors.Join(err, f.Close())
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := u.UploadFile(t.Context(), path, Request{}); !errors.Is(err, ErrChanged) {
			t.Errorf("%d bytes: %v", size, err)
		}
		wantFiles(t, u.Client, 0)
		if left := uploadstest.Must(ListUnfinished(u.Journal))(t); len(left) > 0 {
			t.Errorf("%d bytes: a journal is left: %+v", size, left)
		}
	}
}

// If the answer was lost as well, it is left to the caller what becomes of what
// is there: it may be older than this call.
func TestChangedAndLost(t *testing.T) {
	var path string
	u := newUploader(t, uploadd(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				h.ServeHTTP(w, r)
				return
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		})
	}))
	path = file(t, uploadstest.Random(9, 1000))
	_, err := u.UploadFile(t.Context(), path, Request{})
	if !errors.Is(err, ErrChanged) || !errors.Is(err, ErrUnknownOutcome) {
		t.Error(err)
	}
	wantFiles(t, u.Client, 1)
}

// Bytes that change without a trace in a file's time are found by the MD5.
func TestChangedUnseen(t *testing.T) {
	t.Parallel()
	u := newUploader(t, uploadd(t))
	u.PartSize = 1 << 20
	u.Parallel = 1
	data := &changing{data: uploadstest.Random(6, 4<<20)}
	_, err := u.Upload(t.Context(), Source{ReaderAt: data, Size: 4 << 20}, Request{Filename: "f"})
	e := uploadstest.WantError(t, err, api.ErrInvalid, "md5")
	if e.Code != api.CodeMD5Mismatch {
		t.Error(e)
	}
	wantFiles(t, u.Client, 0)
}

// Bytes that are damaged on their way are found at the end, with the MD5 and
// without it.
func TestDamagedOnTheWay(t *testing.T) {
	t.Parallel()
	for _, noMD5 := range []bool{false, true} {
		u := newUploader(t, uploadd(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isPart(r) && r.Method == http.MethodPost {
					r.Body = &damaged{ReadCloser: r.Body, at: 5000}
				}
				h.ServeHTTP(w, r)
			})
		}))
		u.NoMD5, u.Journal = noMD5, t.TempDir()
		_, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(8, 2<<20)), Request{})
		if err == nil || noMD5 && !errors.Is(err, errDamaged) || !noMD5 && !errors.Is(err, api.ErrInvalid) {
			t.Errorf("without MD5 %v: %v", noMD5, err)
		}
		wantFiles(t, u.Client, 0)
		if left := uploadstest.Must(ListUnfinished(u.Journal))(t); len(left) > 0 {
			t.Errorf("a journal is left: %+v", left)
		}
	}
}

// damaged flips a bit at a place.
type damaged struct {
	io.ReadCloser
	at int
}

func (d *damaged) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if d.at >= 0 && d.at < n {
		p[d.at] ^= 1
	}
	d.at -= n
	return n, err
}

// changing gives other bytes each time it is asked for the same.
type changing struct {
	data []byte
	n    atomic.Uint32
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(c.data).ReadAt(p, off)
	if n > 0 && off == 0 {
		p[0] = byte(c.n.Add(1))
	}
	return n, err
}

// Sixteen Parts of 64 MiB on their way are not in memory: a part of that, with
// a server in the same process, allocates little.
func TestMemoryIsFlat(t *testing.T) {
	const size, most = 128 << 20, 24 << 20
	u := newUploader(t, uploadd(t))
	u.PartSize = 16 << 20
	u.Parallel = 8
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	uploadstest.Must(u.Upload(t.Context(), Source{ReaderAt: zeros{}, Size: size}, Request{Filename: "f"}))(t)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("%d bytes were allocated, by client and server", got)
	}
}

// zeros is as long as anybody likes.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// Cancelling ends the call soon, and says so.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for _, journal := range []string{"", t.TempDir()} {
		u := newUploader(t, uploadd(t))
		u.Journal, u.PartSize, u.Parallel, u.BytesPerSecond = journal, 1<<20, 1, 4<<20
		ctx, cancel := context.WithCancel(t.Context())
		u.Progress = func(p Progress) {
			if p.Event == PartDone {
				cancel()
			}
		}
		_, err := u.UploadFile(ctx, file(t, uploadstest.Random(7, 8<<20)), Request{})
		var cut *Incomplete
		if !errors.Is(err, context.Canceled) || errors.As(err, &cut) != (journal != "") {
			t.Errorf("%v", err)
		}
		if cut != nil && (!cut.Resumable || cut.Bytes < 1<<20 || cut.Total != 8<<20) {
			t.Errorf("%+v", cut)
		}
		wantFiles(t, u.Client, 0)
	}
}
