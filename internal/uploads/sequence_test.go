package uploads_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

var (
	sequenceCount = flag.Int("sequences", 300, "random sequences of operations")
	pairSequences = flag.Int("pair-sequences", 10, "random sequences on each pair of stores")
	sequenceSteps = flag.Int("steps", 50, "operations in each of them")
)

// Whatever is asked in whatever order, between crashes, at whatever time: the
// domain answers as the model does.
func TestSequences(t *testing.T) { playAll(t, newWorld, *sequenceCount) }

// So it does on every pair of stores. The operations are the same on all.
func TestSequencesOnPairs(t *testing.T) {
	for name, open := range pairs(t) {
		t.Run(name, func(t *testing.T) { playAll(t, open, *pairSequences) })
	}
}

func playAll(t *testing.T, open func(testing.TB) *world, count int) {
	var steps atomic.Int64
	work := make(chan uint64)
	t.Run("worlds", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := open(t)
				for n := range work {
					steps.Add(int64(play(w, n)))
				}
			})
		}
		go func() {
			defer close(work)
			for n := range count {
				work <- uint64(n)
			}
		}()
	})
	t.Logf("%d sequences of %d operations in all; seed %d", count, steps.Load(), *seed)
}

// player asks a project and its model the same.
type player struct {
	*world
	project string
	model   uploadstest.Model
	rnd     *rand.Rand

	uploads []*api.Upload
	parts   map[string][]part // of an Upload
	files   []string
	log     []string
}

type part struct{ id, data string }

// play runs one sequence on a project of its own.
func play(w *world, n uint64) (steps int) {
	p := &player{world: w, project: fmt.Sprint("sequence ", n), rnd: rand.New(rand.NewPCG(*seed, n)), parts: map[string][]part{}}
	p.model.Now = p.clock.Load()
	p.start()
	p.createUpload()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("seed %d, %s:\n%s", *seed, p.project, strings.Join(p.log, "\n"))
		}
	}()
	for steps = 1; steps < *sequenceSteps && !w.t.Failed(); steps++ {
		p.model.Now = p.clock.Load()
		moves[p.rnd.IntN(len(moves))](p)
		p.model.Now = p.clock.Load()
	}
	if got, want := state(w.t, w.svc.For(p.project)), state(w.t, &p.model); got != want {
		w.t.Errorf("in the end the project shows\n%s\nwant\n%s", got, want)
	}
	w.clean() // what expired only now stays for the grace
	w.clear(p.project, p.project)
	return steps
}

// ask asks both, and fails the test unless the answers are the same. The model
// gives what is new the id that the domain gave it, which id tells.
func ask[T any](p *player, what string, ask func(api.API) (*T, error), id func(*T) string) *T {
	p.t.Helper()
	got, err := ask(p.svc.For(p.project))
	p.log = append(p.log, fmt.Sprintf("%d %s: %v", p.model.Now, what, err))
	if err == nil && id != nil {
		p.model.Adopt = id(got)
	}
	want, wantErr := ask(&p.model)
	p.model.Adopt = ""
	if !same(err, wantErr) {
		p.t.Errorf("%s: %v, want %v", what, err, wantErr)
	} else if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return got
}

// moves are what a sequence is made of; what is here twice comes twice as often.
var moves = []func(*player){
	(*player).createUpload, (*player).createUpload, (*player).addPart, (*player).addPart, (*player).addPart, (*player).addPart,
	(*player).completeUpload, (*player).completeUpload, (*player).completeUpload, (*player).cancelUpload,
	(*player).createFile, (*player).deleteFile, (*player).readFile, (*player).readFile,
	(*player).lookUp, (*player).listUploads, (*player).listParts, (*player).listFiles,
	(*player).advanceClock, (*player).crash, (*player).cleanUp,
}

// some picks one of list, or its zero.
func some[T any](p *player, list []T) (v T) {
	if len(list) > 0 {
		v = list[p.rnd.IntN(len(list))]
	}
	return v
}

func (p *player) life() *api.ExpiresAfter {
	seconds := some(p, []int64{0, 0, 0, 0, 0, 0, api.MinFileLife - 1, api.MinFileLife, 86400, api.MaxFileLife})
	if seconds == 0 {
		return nil
	}
	return &api.ExpiresAfter{Anchor: "created_at", Seconds: seconds}
}

func (p *player) createUpload() {
	req := api.CreateUploadRequest{Filename: some(p, []string{"a", "b", "c", "d", "e", "f", "g", ""}), MimeType: "text/plain",
		Purpose: some(p, []string{"user_data", "user_data", "batch", "batch", "batch", "vision", "vision", "?"}),
		Bytes:   some(p, []int64{-1, 0, 2, 3, 3, 4, 5, 6, 6}), ExpiresAfter: p.life()}
	u := ask(p, fmt.Sprintf("create upload %+v", req), func(a api.API) (*api.Upload, error) {
		return a.CreateUpload(background, req)
	}, func(u *api.Upload) string { return u.ID })
	if u != nil {
		p.uploads = append(p.uploads, u)
	}
}

// upload is one that was made, a late one as a rule, or none.
func (p *player) upload() *api.Upload {
	from := p.uploads
	if p.rnd.IntN(4) != 0 {
		from = from[max(0, len(from)-2):]
	}
	if u := some(p, from); u != nil && p.rnd.IntN(20) != 0 {
		return u
	}
	return &api.Upload{ID: "upload_" + strings.Repeat("0", 32)}
}

func (p *player) addPart() {
	u, data := p.upload(), string(uploadstest.Random(p.rnd.Uint64(), some(p, []int{0, 1, 1, 1, 2, 2, 3})))
	got := ask(p, fmt.Sprintf("add %d bytes to %s", len(data), u.ID), func(a api.API) (*api.Part, error) {
		return a.AddPart(background, u.ID, strings.NewReader(data))
	}, func(p *api.Part) string { return p.ID })
	if got != nil {
		p.parts[u.ID] = append(p.parts[u.ID], part{got.ID, data})
	}
}

// completeUpload names Parts until they are enough: as a rule they fit.
func (p *player) completeUpload() {
	u := p.upload()
	req := api.CompleteUploadRequest{PartIDs: []string{}}
	var data string
	for _, i := range p.rnd.Perm(len(p.parts[u.ID])) {
		if part := p.parts[u.ID][i]; int64(len(data)+len(part.data)) <= u.Bytes {
			req.PartIDs, data = append(req.PartIDs, part.id), data+part.data
		}
	}
	if p.rnd.IntN(8) == 0 {
		req.PartIDs = append(req.PartIDs, some(p, p.parts[p.upload().ID]).id)
	}
	sum := md5.Sum([]byte(data))
	right := hex.EncodeToString(sum[:])
	req.MD5 = some(p, []string{"", "", "", right, right, right, strings.Repeat("0", 32), "none"})
	for range 1 + p.rnd.IntN(2) { // a client that lost the answer asks again
		done := ask(p, fmt.Sprintf("complete %s %+v", u.ID, req), func(a api.API) (*api.Upload, error) {
			return a.CompleteUpload(background, u.ID, req)
		}, func(u *api.Upload) string { return u.File.ID })
		if done != nil {
			p.files = append(p.files, done.File.ID)
		}
	}
}

func (p *player) cancelUpload() {
	u := p.upload()
	ask(p, "cancel "+u.ID, func(a api.API) (*api.Upload, error) { return a.CancelUpload(background, u.ID) }, nil)
}

func (p *player) createFile() {
	req := api.CreateFileRequest{Filename: some(p, []string{"x", "y", ""}), Purpose: some(p, api.Purposes), ExpiresAfter: p.life()}
	data := uploadstest.Random(p.rnd.Uint64(), p.rnd.IntN(9))
	f := ask(p, fmt.Sprintf("create file %+v", req), func(a api.API) (*api.File, error) {
		return a.CreateFile(background, bytes.NewReader(data), func() (api.CreateFileRequest, error) { return req, nil })
	}, func(f *api.File) string { return f.ID })
	if f != nil {
		p.files = append(p.files, f.ID)
	}
}

func (p *player) file() string {
	if id := some(p, p.files); id != "" && p.rnd.IntN(20) != 0 {
		return id
	}
	return "file-" + strings.Repeat("0", 22)
}

func (p *player) deleteFile() {
	id := p.file()
	ask(p, "delete "+id, func(a api.API) (*api.DeletedFile, error) { return a.DeleteFile(background, id) }, nil)
}

// readFile reads a File from somewhere on.
func (p *player) readFile() {
	id, from := p.file(), int64(p.rnd.IntN(4))
	ask(p, fmt.Sprintf("read %s from %d", id, from), func(a api.API) (*string, error) {
		c, err := a.OpenFile(background, id)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if _, err := c.Seek(from, io.SeekStart); err != nil {
			return nil, err
		}
		data, err := io.ReadAll(c)
		crc, known := c.CRC32C()
		read := fmt.Sprintf("%+v: %q, %08x %v", c.File().ID, data, crc, known)
		return &read, err
	}, nil)
}

func (p *player) lookUp() {
	u, id := p.upload(), p.file()
	ask(p, "get "+u.ID, func(a api.API) (*api.Upload, error) { return a.GetUpload(background, u.ID) }, nil)
	ask(p, "get "+id, func(a api.API) (*api.File, error) { return a.GetFile(background, id) }, nil)
}

func (p *player) query(after string) api.ListQuery {
	q := api.ListQuery{Limit: some(p, []int{0, 0, 1, 2, 3, -1}), Order: some(p, []string{"", "asc", "desc"}),
		Purpose: some(p, []string{"", "", "batch", "vision"})}
	if p.rnd.IntN(2) == 0 {
		q.After = after
	}
	return q
}

func (p *player) listUploads() {
	q := p.query(p.upload().ID)
	ask(p, fmt.Sprintf("list uploads %+v", q), func(a api.API) (*api.List[api.Upload], error) { return a.ListUploads(background, q) }, nil)
}

func (p *player) listFiles() {
	q := p.query(p.file())
	ask(p, fmt.Sprintf("list files %+v", q), func(a api.API) (*api.List[api.File], error) { return a.ListFiles(background, q) }, nil)
}

func (p *player) listParts() {
	u := p.upload()
	q := p.query(some(p, p.parts[u.ID]).id)
	ask(p, fmt.Sprintf("list parts of %s %+v", u.ID, q), func(a api.API) (*api.List[api.PartInfo], error) {
		return a.ListParts(background, u.ID, q)
	}, nil)
}

func (p *player) advanceClock() {
	d := some(p, []time.Duration{time.Second, time.Second, time.Second, grace, grace, grace, 10 * time.Minute, 10 * time.Minute, 59 * time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour, 365 * 24 * time.Hour})
	p.log = append(p.log, fmt.Sprint("pass ", d))
	p.pass(d)
}

func (p *player) crash() {
	p.log = append(p.log, "crash")
	p.start()
}

// cleanUp is the janitor, and a look at what it leaves.
func (p *player) cleanUp() {
	p.log = append(p.log, "clean")
	p.clean()
	p.model.Clean()
	p.sound(p.project)
}
