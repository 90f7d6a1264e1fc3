// Package ledger puts a server under load and writes down what it acknowledged,
// so that after a crash, a loss of power or a full disk it can be held to every
// word: what was acknowledged stands, what was not is nowhere to be read, and
// what is ambiguous happened whole or not at all.
//
// An answer of 2xx is an acknowledgement. One of 4xx is a refusal, which changed
// nothing. Anything else (5xx, a broken connection) is ambiguous, and so is a
// step that is asked for and not answered yet: a clone of the ledger is true at
// the moment that it is taken, under load as well.
package ledger

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sync"

	"uploadd/api"
)

// Ledger is what is known of a server's state. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	uploads []*upload // in the order they were acknowledged
	files   []*file
	settled int // uploads before this index have been verified since their last change
	// lostFiles counts the files made in one piece that were not answered: their
	// ids are not known, their bytes are.
	lostFiles []data
	faults    []string
	acked     int
	doubted   bool // answers that come now prove nothing
}

// fate is what is known of a step that ends something.
type fate int

const (
	open      fate = iota // not asked for
	ambiguous             // asked for; nobody knows
	done                  // acknowledged
)

// data is bytes that can be made again.
type data struct {
	seed uint64
	size int
}

func (d data) bytes() []byte {
	b := make([]byte, d.size)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(d.seed >> (8 * i))
	}
	rand.NewChaCha8(key).Read(b)
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d data) crc32c() string { return fmt.Sprintf("%08x", crc32.Checksum(d.bytes(), castagnoli)) }

// part is an acknowledged Part.
type part struct {
	id string
	data
}

// upload is an acknowledged Upload; one worker owns it until its load ends.
type upload struct {
	id                  string
	bytes               int64
	parts               []part
	lost                []data // Parts that were not answered
	completed, canceled fate
	file                *file // of a completed one, once its id is known
}

// file is a File of known id.
type file struct {
	id      string
	parts   []data
	deleted fate
}

func (f *file) bytes() []byte {
	var b bytes.Buffer
	for _, p := range f.parts {
		b.Write(p.bytes())
	}
	return b.Bytes()
}

// Acked is how many steps were acknowledged so far.
func (l *Ledger) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked
}

// Faults lists the broken promises noticed so far.
func (l *Ledger) Faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.faults...)
}

// Doubt takes answers for lost from now on, until the next Verify: the server
// is about to lose what it relies on, and may answer before it knows.
func (l *Ledger) Doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubted = true
}

func (l *Ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// judge says what became of a step. A refusal that the ledger has no reason to
// expect is a fault.
func (l *Ledger) judge(step string, err error) fate {
	var known *api.Error
	switch {
	case err == nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.doubted {
			return ambiguous
		}
		l.acked++
		return done
	case errors.As(err, &known) && known.Status < 500:
		l.fault("%s was refused: %v", step, err)
		return open
	}
	return ambiguous
}

// Load runs workers against a until ctx ends or the server does not answer any
// more. seed decides what each of them does.
func (l *Ledger) Load(ctx context.Context, a api.API, workers int, seed uint64) {
	var wg sync.WaitGroup
	for i := range workers {
		w := &worker{Ledger: l, ctx: ctx, api: a, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		wg.Go(w.run)
	}
	wg.Wait()
}

// worker leads lives of Uploads and Files, one behind the other.
type worker struct {
	*Ledger
	ctx context.Context
	api api.API
	rng *rand.Rand
}

func (w *worker) run() {
	for unanswered := 0; unanswered < 3 && w.ctx.Err() == nil; {
		var answered bool
		switch n := w.rng.IntN(10); {
		case n < 7:
			answered = w.upload()
		case n < 9:
			answered = w.directFile(w.data())
		default:
			answered = w.deleteOne()
		}
		if unanswered++; answered {
			unanswered = 0
		}
	}
}

// size favours borders: of the buffers, of the sectors, and nothing much. With
// 72 KiB the end of the file goes past the page cache, too.
func (w *worker) size() int {
	sizes := []int{1, 100, 4095, 4096, 16 << 10, 64<<10 - 1, 64<<10 + 1, 72 << 10, 200_000}
	return sizes[w.rng.IntN(len(sizes))]
}

func (w *worker) data() data { return data{w.rng.Uint64(), w.size()} }

// upload leads the life of one Upload, and reports whether the server answered.
func (w *worker) upload() bool {
	plan := make([]data, 1+w.rng.IntN(4))
	for i := range plan {
		plan[i] = w.data()
	}
	u, whole := w.send(plan)
	switch n := w.rng.IntN(10); {
	case !whole || n < 2: // left as it is
	case n < 3:
		w.cancel(u)
	default:
		w.mu.Lock()
		w.rng.Shuffle(len(u.parts), func(i, j int) { u.parts[i], u.parts[j] = u.parts[j], u.parts[i] })
		w.mu.Unlock()
		w.complete(u, n < 5)
	}
	return whole
}

// send makes an Upload and adds the Parts of plan. It reports whether all of
// that was acknowledged.
func (w *worker) send(plan []data) (u *upload, whole bool) {
	var total int64
	for _, d := range plan {
		total += int64(d.size)
	}
	created, err := w.api.CreateUpload(w.ctx, api.CreateUploadRequest{
		Filename: "load.bin", Purpose: "user_data", Bytes: total, MimeType: "application/octet-stream"})
	if w.judge("a creation", err) != done {
		return nil, false
	}
	u = &upload{id: created.ID, bytes: total}
	w.mu.Lock()
	w.uploads = append(w.uploads, u)
	w.mu.Unlock()
	whole = true
	for _, d := range plan {
		whole = w.part(u, d) && whole
	}
	return u, whole
}

func (w *worker) part(u *upload, d data) bool {
	w.mu.Lock()
	u.lost = append(u.lost, d)
	w.mu.Unlock()
	p, err := w.api.AddPart(w.ctx, u.id, bytes.NewReader(d.bytes()))
	fate := w.judge("a part", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if fate != ambiguous {
		u.lost = without(u.lost, d)
	}
	if fate == done {
		u.parts = append(u.parts, part{p.ID, d})
	}
	return fate == done
}

func (l *Ledger) set(f *fate, to fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*f = to
}

// without removes one d.
func without(list []data, d data) []data {
	i := slices.Index(list, d)
	return slices.Delete(list, i, i+1)
}

// complete ends u with the File of its parts, in their order.
func (w *worker) complete(u *upload, withMD5 bool) bool {
	req := api.CompleteUploadRequest{PartIDs: u.ids()}
	if withMD5 {
		h := md5.New()
		for _, p := range u.parts {
			h.Write(p.bytes())
		}
		req.MD5 = hex.EncodeToString(h.Sum(nil))
	}
	w.set(&u.completed, ambiguous)
	c, err := w.api.CompleteUpload(w.ctx, u.id, req)
	fate := w.judge("a completion", err)
	if fate == done {
		w.keep(u, c.File.ID)
	}
	w.set(&u.completed, fate)
	return fate == done
}

func (w *worker) cancel(u *upload) bool {
	w.set(&u.canceled, ambiguous)
	_, err := w.api.CancelUpload(w.ctx, u.id)
	fate := w.judge("a cancellation", err)
	w.set(&u.canceled, fate)
	return fate == done
}

func (u *upload) ids() []string {
	ids := make([]string, len(u.parts))
	for i, p := range u.parts {
		ids[i] = p.id
	}
	return ids
}

// keep records the File of a completed Upload.
func (l *Ledger) keep(u *upload, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u.file = &file{id: id}
	for _, p := range u.parts {
		u.file.parts = append(u.file.parts, p.data)
	}
	l.files = append(l.files, u.file)
}

func (w *worker) directFile(d data) bool {
	w.mu.Lock()
	w.lostFiles = append(w.lostFiles, d)
	w.mu.Unlock()
	f, err := w.api.CreateFile(w.ctx, bytes.NewReader(d.bytes()), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "direct.bin", Purpose: "user_data"}, nil
	})
	fate := w.judge("a file", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if fate != ambiguous {
		w.lostFiles = without(w.lostFiles, d)
	}
	if fate == done {
		w.files = append(w.files, &file{id: f.ID, parts: []data{d}})
	}
	return fate == done
}

// deleteOne deletes a File that no other worker is about to delete.
func (w *worker) deleteOne() bool {
	w.mu.Lock()
	var f *file
	for range 5 {
		if len(w.files) == 0 {
			break
		}
		if g := w.files[w.rng.IntN(len(w.files))]; g.deleted == open {
			f = g
			f.deleted = ambiguous
			break
		}
	}
	w.mu.Unlock()
	if f == nil {
		return true
	}
	return w.delete(f)
}

// delete deletes f, which nobody else deletes.
func (w *worker) delete(f *file) bool {
	_, err := w.api.DeleteFile(w.ctx, f.id)
	fate := w.judge("a deletion", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	f.deleted = fate
	return fate == done
}
