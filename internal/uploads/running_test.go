package uploads_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// reading counts the reads of blobs.
func (w *world) reading(reads *atomic.Int64) {
	m, b := uploadstest.Intercept(w.meta, w.blobs, func(op string, do func() error) error {
		if op == "Blobs.Read" {
			reads.Add(1)
		}
		return do()
	})
	w.svc = w.service(m, b)
	w.api = w.svc.For("default")
}

func (w *world) completeMD5(upload, data string, ids ...string) error {
	w.t.Helper()
	sum := md5.Sum([]byte(data))
	_, err := w.api.CompleteUpload(w.t.Context(), upload, api.CompleteUploadRequest{PartIDs: ids, MD5: hex.EncodeToString(sum[:])})
	return err
}

// The MD5 is that of the Parts in the order in which they are named, however they
// came; and what came one Part after the other is not read again, in a project that
// gives MD5s.
func TestRunningMD5(t *testing.T) {
	w := newWorld(t)
	var reads atomic.Int64
	w.reading(&reads)
	first := w.create(3)
	if err := w.completeMD5(first.ID, "abc", w.add(first.ID, "abc")); err != nil || reads.Load() == 0 {
		t.Fatalf("the first time it is read: %v, %d reads", err, reads.Load())
	}
	// Each case adds Parts to an Upload of 8 bytes and completes it.
	for name, tt := range map[string]struct {
		act  func(u string) (ids []string)
		data string
		read bool
	}{
		"in order": {func(u string) []string { return []string{w.add(u, "abc"), w.add(u, "defgh")} }, "abcdefgh", false},
		"in one":   {func(u string) []string { return []string{w.add(u, "abcdefgh")} }, "abcdefgh", false},
		"the other way round": {func(u string) []string {
			a, b := w.add(u, "abc"), w.add(u, "defgh")
			return []string{b, a}
		}, "defghabc", true},
		"the last one between": {func(u string) []string {
			a, c, b := w.add(u, "ab"), w.add(u, "efgh"), w.add(u, "cd")
			return []string{a, b, c}
		}, "abcdefgh", true},
		"a part sent twice": {func(u string) []string {
			a, _, b := w.add(u, "abc"), w.add(u, "abc"), w.add(u, "defgh")
			return []string{a, b}
		}, "abcdefgh", true},
		"after a part that failed": {func(u string) []string {
			a := w.add(u, "abc")
			if _, err := w.api.AddPart(t.Context(), u, io.MultiReader(strings.NewReader("xyz"), brokenReader{})); err == nil {
				t.Error("a part whose source broke off was taken")
			}
			return []string{a, w.add(u, "defgh")}
		}, "abcdefgh", false},
		"two at once": {func(u string) []string {
			held, ids := &heldReader{Reader: strings.NewReader("abc"), begun: make(chan struct{}), more: make(chan struct{})}, make(chan string)
			go func() { ids <- idOf(w.api.AddPart(t.Context(), u, held)) }()
			<-held.begun
			b := w.add(u, "defgh")
			close(held.more)
			return []string{b, <-ids} // as they ended
		}, "defghabc", true},
		"not all of them": {func(u string) []string {
			a, b := w.add(u, "abcdefgh"), w.add(u, "x")
			_ = b
			return []string{a}
		}, "abcdefgh", true},
	} {
		t.Run(name, func(t *testing.T) {
			u := w.create(8)
			ids := tt.act(u.ID)
			reads.Store(0)
			if err := w.completeMD5(u.ID, "zzzzzzzz", ids...); !errors.Is(err, &api.Error{Status: 400, Code: api.CodeMD5Mismatch}) {
				t.Errorf("with another MD5: %v", err)
			}
			if err := w.completeMD5(u.ID, tt.data, ids...); err != nil {
				t.Error(err)
			}
			if (reads.Load() > 0) != tt.read {
				t.Errorf("blobs were read %d times, want any: %v", reads.Load(), tt.read)
			}
		})
	}
	w.sound("at the end")
}

// Nobody pays for an MD5 who does not give one, nor after an Upload's end.
func TestRunningMD5IsForgotten(t *testing.T) {
	w := newWorld(t)
	var reads atomic.Int64
	w.reading(&reads)
	complete := func(data string, ids ...string) {
		t.Helper()
		u := w.create(int64(len(data)))
		part := w.add(u.ID, data)
		reads.Store(0)
		if err := w.completeMD5(u.ID, data, part); err != nil {
			t.Fatal(err)
		}
	}
	complete("abc")
	complete("abc")
	if reads.Load() != 0 {
		t.Error("the second was read")
	}
	plain := w.create(3)
	w.complete(plain.ID, w.add(plain.ID, "abc"))
	complete("abc")
	if reads.Load() == 0 {
		t.Error("after a completion without an MD5, one was taken all the same")
	}
	left := w.create(3)
	w.add(left.ID, "abc")
	w.pass(2 * time.Hour)
	w.clean()
	if n := w.svc.RunningMD5s(); n != 0 {
		t.Errorf("%d MD5s are kept of Uploads that have ended", n)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken off") }

// heldReader says that it is read, and waits.
type heldReader struct {
	io.Reader
	begun, more chan struct{}
	once        sync.Once
}

func (h *heldReader) Read(p []byte) (int, error) {
	h.once.Do(func() {
		close(h.begun)
		<-h.more
	})
	return h.Reader.Read(p)
}

func idOf(p *api.Part, err error) string {
	if err != nil {
		return err.Error()
	}
	return p.ID
}

// What a completion costs that gives an MD5, in order and anew.
func BenchmarkCompleteMD5(b *testing.B) {
	for _, order := range []string{"as they came", "anew"} {
		b.Run(order, func(b *testing.B) {
			w := newWorld(b)
			piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
			const parts = 8
			sum := md5.New()
			for range parts {
				sum.Write(piece)
			}
			req := api.CompleteUploadRequest{MD5: hex.EncodeToString(sum.Sum(nil))}
			b.SetBytes(parts * int64(len(piece)))
			for range b.N {
				b.StopTimer()
				before := w.create(0) // whether it gave an MD5 decides
				if order == "anew" {
					w.complete(before.ID)
				} else if err := w.completeMD5(before.ID, ""); err != nil {
					b.Fatal(err)
				}
				u := w.create(parts * int64(len(piece)))
				req.PartIDs = nil
				for range parts {
					req.PartIDs = append(req.PartIDs, uploadstest.Must(w.api.AddPart(b.Context(), u.ID, bytes.NewReader(piece)))(b).ID)
				}
				b.StartTimer()
				f := uploadstest.Must(w.api.CompleteUpload(b.Context(), u.ID, req))(b).File
				b.StopTimer()
				uploadstest.Must(w.api.DeleteFile(b.Context(), f.ID))(b)
				w.pass(time.Minute)
				w.clean()
			}
		})
	}
}
