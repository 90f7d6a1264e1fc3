package powercut

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"uploadd/test/ledger"
	"uploadd/test/program"
)

// Whatever of the writes that were not flushed has come to the disk when the
// power goes, in whatever order, and torn: the server has all that it had
// acknowledged by then.
func TestImages(t *testing.T) {
	acked, flushes := 0, 0
	for done := 0; done < *images; {
		n := min(perRecord, *images-done)
		if !t.Run("log", func(t *testing.T) {
			r := record(t, "")
			for i, m := range r.choose(n) {
				for _, fault := range r.faultsOf(t, m) {
					t.Errorf("image %d, cut after entry %d of %d: %s", done+i, m.at, len(r.log), fault)
				}
				if acked += m.ledger.Acked(); m.flush {
					flushes++
				}
				if t.Failed() {
					return
				}
			}
		}) {
			return
		}
		done += n
		t.Logf("%d images, %d of them cut at a flush; %d acknowledged steps looked for, none lost", done, flushes, acked)
	}
}

// perRecord is how many images are made of one log.
const perRecord = 100

// recording is a disk's log under load.
type recording struct {
	dir     string
	before  []byte // the disk
	log     []entry
	moments []moment
	scratch []byte // the image that is being made
}

// moment is one at which the power may go. No write was under way, and the
// ledger knows what had been acknowledged.
type moment struct {
	at     int // entries of the log before it
	flush  bool
	ledger *ledger.Ledger
}

// record loads the server at path, or the program as it is, on a disk that logs.
func record(t *testing.T, path string) *recording {
	t.Helper()
	r := &recording{dir: workspace(t)}
	image := filepath.Join(r.dir, "disk")
	format(t, image)
	var err error
	if r.before, err = os.ReadFile(image); err != nil {
		t.Fatal(err)
	}
	l := &ledger.Ledger{}
	d := &disk{bytes: append([]byte(nil), r.before...), logged: func(at int, flush bool) {
		if flush || rand.IntN(4) == 0 {
			r.moments = append(r.moments, moment{at, flush, l.Clone()})
		}
	}}
	v := attach(t, d.serve(t, filepath.Join(r.dir, "fuse")), filepath.Join(r.dir, "mnt"))
	s := program.Start(t, program.Options{Path: path, Data: v.data()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	l.Load(ctx, s, workers, rand.Uint64())
	s.Kill()
	d.mu.Lock()
	d.logged = func(int, bool) {} // the load is over
	r.log = d.log
	d.mu.Unlock()
	v.detach(t)
	if l.Acked() == 0 || len(r.moments) == 0 {
		t.Fatalf("%d steps acknowledged, %d entries logged", l.Acked(), len(r.log))
	}
	return r
}

// choose chooses n moments, half of them at flushes: right after one, when all
// must be there, or right before it is done, when most may be missing.
func (r *recording) choose(n int) []moment {
	rand.Shuffle(len(r.moments), func(i, j int) { r.moments[i], r.moments[j] = r.moments[j], r.moments[i] })
	var flushes, others, chosen []moment
	for _, m := range r.moments {
		if m.flush {
			flushes = append(flushes, m)
		} else {
			others = append(others, m)
		}
	}
	for i := range n {
		from := flushes
		if i%2 == 1 && len(others) > 0 {
			from = others
		}
		m := from[i/2%len(from)]
		if m.flush && rand.IntN(2) == 0 {
			m.at--
		}
		m.ledger = m.ledger.Clone() // a moment that comes again finds it as it was
		chosen = append(chosen, m)
	}
	return chosen
}

// faultsOf returns in what the server breaks its word on an image of m.
func (r *recording) faultsOf(t *testing.T, m moment) []string {
	t.Helper()
	path := filepath.Join(r.dir, "image")
	if err := os.WriteFile(path, r.image(m.at), 0o600); err != nil {
		t.Fatal(err)
	}
	v := attach(t, path, filepath.Join(r.dir, "crashed"))
	defer v.detach(t)
	return faults(t, v.data(), m.ledger, true)
}

// image is what the disk may hold when the power goes after so many entries:
// all that was flushed, and of the other writes some, some torn.
func (r *recording) image(at int) []byte {
	r.scratch = append(r.scratch[:0], r.before...)
	flushed := at
	for flushed > 0 && !r.log[flushed-1].flush() {
		flushed--
	}
	for i, e := range r.log[:at] {
		switch chance := rand.IntN(4); {
		case i < flushed || chance < 2:
			copy(r.scratch[e.off:], e.data)
		case chance == 2:
			tear(r.scratch, e)
		}
	}
	return r.scratch
}

// tear writes some sectors of e.
func tear(disk []byte, e entry) {
	sector := []int{512, 4096}[rand.IntN(2)]
	for from := 0; from < len(e.data); from += sector {
		if rand.IntN(2) == 0 {
			copy(disk[e.off+int64(from):], e.data[from:min(from+sector, len(e.data))])
		}
	}
}
