package nodes

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/postgres"
)

var (
	cleanings   = flag.Int("cleanings", 4, "how often eight janitors clean up at once")
	expirations = flag.Int("expirations", 12, "how often a completion races the end of its upload")
)

// Nodes in one process, of which some sleep and others do their work meanwhile.
func TestLeases(t *testing.T) {
	t.Parallel()
	db := postgres.Start(t)
	for name, test := range map[string]func(*testing.T, *inside){
		"A writer stops past its lease":          testWriterStops,
		"A janitor stops past its time":          testJanitorStops,
		"A janitor meets a late writer":          testJanitorMeetsLateWriter,
		"A janitor is slow":                      testSlowJanitor,
		"Many janitors":                          testManyJanitors,
		"A completion races the end of its time": testCompletionRacesExpiry,
	} {
		t.Run(name, func(t *testing.T) { test(t, newInside(t, db)) })
	}
}

// A writer that sleeps past its lease, wherever it does, is told that its part is not
// there, and nothing of it stays.
func testWriterStops(t *testing.T, w *inside) {
	other := w.node(nil)
	for _, op := range []string{"Blobs.Put", "Meta.AddPart"} {
		t.Run(op, func(t *testing.T) {
			u := w.create(other, 3)
			slow, stopped, goOn := w.stopping(op)
			answered := make(chan error)
			go func() {
				_, err := slow.For("p").AddPart(background, u, strings.NewReader("abc"))
				answered <- err
			}()
			<-stopped
			w.pass(insideLease + time.Second)
			if w.clean(other) == 0 {
				t.Error("nothing was cleaned up after the lease")
			}
			goOn()
			if err := <-answered; !errors.Is(err, api.ErrUnavailable) {
				t.Errorf("a part that had been given up is answered %v", err)
			}
			if parts := uploadstest.Must(other.For("p").ListParts(t.Context(), u, api.ListQuery{}))(t).Data; len(parts) != 0 {
				t.Errorf("parts are listed: %+v", parts)
			}
			w.sound(other, 0)
			part := w.add(slow, u, "abc") // which goes on as if nothing had been
			uploadstest.Must(other.For("p").CompleteUpload(t.Context(), u, api.CompleteUploadRequest{PartIDs: []string{part}}))(t)
			f := uploadstest.Must(slow.For("p").GetUpload(t.Context(), u))(t).File
			if got := w.content(other, f.ID); got != "abc" {
				t.Errorf("read %q", got)
			}
			w.sound(other, 1)
			uploadstest.Must(slow.For("p").DeleteFile(t.Context(), f.ID))(t)
			w.sound(other, 0)
		})
	}
}

// A janitor that sleeps past the time it has for what it marked: others do its work,
// and nobody before that. When it goes on it harms nothing.
func testJanitorStops(t *testing.T, w *inside) {
	other := w.node(nil)
	kept := w.add(other, w.create(other, 4), "kept")
	for _, op := range []string{"Blobs.Delete", "Meta.Forget"} {
		t.Run(op, func(t *testing.T) {
			u := w.create(other, 3)
			gone := w.add(other, u, "abc")
			uploadstest.Must(other.For("p").CancelUpload(t.Context(), u))(t)
			w.pass(insideGrace)
			slow, stopped, goOn := w.stopping(op)
			cleaned := make(chan error)
			go func() {
				_, err := slow.Clean(background)
				cleaned <- err
			}()
			<-stopped
			if n := w.clean(other); n != 0 {
				t.Errorf("another janitor took %d keys over within the minute", n)
			}
			w.pass(doomed)
			if n := w.clean(other); n != 1 {
				t.Errorf("another janitor took %d keys over after the minute, want 1", n)
			}
			next := w.add(other, w.create(other, 4), "next") // a blob that is made meanwhile
			goOn()
			if err := <-cleaned; err != nil {
				t.Errorf("the janitor that slept: %v", err)
			}
			for _, key := range w.stored() {
				if key != kept && key != next && key == gone {
					t.Errorf("%s is there", key)
				}
			}
		})
	}
	w.sound(other, 3)
}

// A janitor marks what a writer that is late still wants to record: the writer is
// refused, and the janitor, be it slow, does not forget the key that the writer gave
// back.
func testJanitorMeetsLateWriter(t *testing.T, w *inside) {
	other := w.node(nil)
	u := w.create(other, 3)
	writer, wrote, record := w.stopping("Meta.AddPart")
	answered, cleaned := make(chan error), make(chan error)
	go func() {
		_, err := writer.For("p").AddPart(background, u, strings.NewReader("abc"))
		answered <- err
	}()
	<-wrote
	w.pass(insideLease + time.Second)
	janitor, marked, remove := w.stopping("Blobs.Delete")
	go func() {
		_, err := janitor.Clean(background)
		cleaned <- err
	}()
	<-marked
	record()
	if err := <-answered; err == nil {
		t.Error("a part was acknowledged whose blob is being deleted")
	}
	remove()
	if err := <-cleaned; err != nil {
		t.Error(err)
	}
	w.sound(other, 0)
}

// A janitor has its time for each batch, however long those before it took.
func testSlowJanitor(t *testing.T, w *inside) {
	other := w.node(nil)
	var keys []string
	for i := range 501 { // more than a batch
		keys = append(keys, fmt.Sprintf("part_%032x", i))
	}
	fatal(t, other.Meta.Reserve(background, keys, w.clock.Load()))
	batches := 0
	slow := w.node(func(m uploads.Meta, b uploads.Blobs) (uploads.Meta, uploads.Blobs) {
		return m, counting{b, func([]string) {
			w.pass(doomed - time.Second)
			if batches++; batches < 2 {
				return
			}
			if n := w.clean(other); n != 0 {
				t.Errorf("%d keys were taken over within their minute", n)
			}
		}}
	})
	if n := w.clean(slow); n != len(keys) || batches != 2 {
		t.Errorf("%d keys in %d batches, want %d in 2", n, batches, len(keys))
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eight janitors at once, under load: each blob that is let go is deleted once, and none
// that is referred to.
func testManyJanitors(t *testing.T, w *inside) {
	const janitors, writers = 8, 4
	var mu sync.Mutex
	deletions := map[string]int{}
	var nodes []*uploads.Service
	for range janitors {
		nodes = append(nodes, w.node(func(m uploads.Meta, b uploads.Blobs) (uploads.Meta, uploads.Blobs) {
			return m, counting{b, func(keys []string) {
				mu.Lock()
				defer mu.Unlock()
				for _, key := range keys {
					deletions[key]++
				}
			}}
		}))
	}
	var kept atomic.Int64 // Parts
	for range *cleanings {
		var working sync.WaitGroup
		for i := range writers {
			working.Go(func() { kept.Add(w.litter(nodes[2*i : 2*i+2])) })
		}
		for _, s := range nodes {
			working.Go(func() {
				for range 3 {
					if _, err := s.Clean(background); err != nil {
						t.Error(err)
					}
				}
			})
		}
		working.Wait()
		w.pass(2 * insideGrace)
	}
	w.sound(nodes[0], int(kept.Load()))
	for key, n := range deletions {
		if n != 1 {
			t.Errorf("%s was deleted %d times", key, n)
		}
	}
	if len(deletions) == 0 {
		t.Error("nothing was deleted")
	}
	t.Logf("%d blobs were deleted, %d kept", len(deletions), kept.Load())
}

// litter makes some Uploads and Files of which most are given up, and returns how many
// Parts are kept.
func (w *inside) litter(nodes []*uploads.Service) (kept int64) {
	for i := range 8 {
		a, b := nodes[i%2].For("p"), nodes[(i+1)%2].For("p")
		u, err := a.CreateUpload(background, api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: 3, MimeType: "text/plain"})
		if err != nil {
			w.t.Error(err)
			return kept
		}
		part, err := b.AddPart(background, u.ID, strings.NewReader("abc"))
		if err == nil {
			err = second(a.AddPart(background, u.ID, strings.NewReader("not")))
		}
		if err == nil && i%4 == 0 {
			err = second(b.CancelUpload(background, u.ID))
		} else if err == nil {
			u, err = a.CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}})
			if kept++; err == nil && i%4 == 1 {
				kept--
				err = second(b.DeleteFile(background, u.File.ID))
			}
		}
		if err != nil {
			w.t.Error(err)
		}
	}
	return kept
}

// A completion and the end of its Upload, which the janitor of another node and a look
// through a third one notice: one of the two wins, for everybody.
func testCompletionRacesExpiry(t *testing.T, w *inside) {
	nodes := []*uploads.Service{w.node(nil), w.node(nil), w.node(nil)}
	won := 0
	for range *expirations {
		u := w.create(nodes[0], 3)
		part := w.add(nodes[1], u, "abc")
		w.pass(insideTTL - time.Second)
		var completed, cleaned error
		var seen *api.Upload
		var racing sync.WaitGroup
		racing.Go(func() {
			time.Sleep(rand.N(3 * time.Millisecond))
			_, completed = nodes[0].For("p").CompleteUpload(background, u, api.CompleteUploadRequest{PartIDs: []string{part}})
		})
		racing.Go(func() {
			time.Sleep(rand.N(3 * time.Millisecond))
			w.pass(time.Second)
			_, cleaned = nodes[1].Clean(background)
		})
		racing.Go(func() {
			time.Sleep(rand.N(5 * time.Millisecond))
			seen, _ = nodes[2].For("p").GetUpload(background, u)
		})
		racing.Wait()
		want := "expired"
		if completed == nil {
			want = "completed"
			won++
		}
		if cleaned != nil || seen == nil || seen.Status != api.StatusPending && string(seen.Status) != want {
			t.Fatalf("the completion: %v; the janitor: %v; seen meanwhile: %+v", completed, cleaned, seen)
		}
		for i, s := range nodes {
			got := uploadstest.Must(s.For("p").GetUpload(t.Context(), u))(t)
			if string(got.Status) != want || (got.File != nil) != (completed == nil) {
				t.Fatalf("the completion: %v; node %d shows %+v", completed, i, got)
			}
		}
	}
	w.sound(nodes[2], won)
	t.Logf("%d of %d completions were in time", won, *expirations)
}
