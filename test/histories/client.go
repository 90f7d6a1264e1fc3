// Package histories has concurrent clients ask at random, and checks that what they saw
// is what some order of their requests, one behind the other, would have shown them:
// that every history is linearizable.
package histories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"uploadd/api"
)

const partSize = 8

// history is what all clients of one Upload have seen.
type history struct {
	apis    []api.API // of one server; each request goes to any of them
	excused func(error) bool
	upload  string
	clock   atomic.Int64

	mu      sync.Mutex
	ops     []porcupine.Operation
	parts   []string // ids that somebody was told
	lists   [][]string
	file    string // its id, once somebody was told
	failure error
}

// client asks at random; which requests are frequent depends on the history.
type client struct {
	*history
	n       int
	rng     *rand.Rand
	weights []int
	sent    int
}

var kinds = []kind{addPart, complete, cancel, getUpload, listParts, getFile, listFiles, download, deletion}

func newClient(h *history, n int, seed uint64) *client {
	mixes := [][]int{ // of the kinds, in their order
		{40, 30, 1, 10, 5, 4, 2, 8, 2},
		{30, 40, 5, 15, 10, 2, 1, 4, 1},
		{60, 10, 1, 15, 15, 1, 1, 2, 1},
		{30, 20, 1, 8, 4, 10, 6, 20, 6},
	}
	return &client{history: h, n: n, rng: rand.New(rand.NewPCG(seed, uint64(n))), weights: mixes[seed%uint64(len(mixes))]}
}

func (c *client) pick() kind {
	total := 0
	for _, w := range c.weights {
		total += w
	}
	at := c.rng.IntN(total)
	for i, w := range c.weights {
		if at -= w; at < 0 {
			return kinds[i]
		}
	}
	return getUpload
}

// step asks once and writes down when, what, and the answer. Of twenty answers
// one is thrown away, as if the connection had broken.
func (c *client) step() {
	in := input{kind: c.pick()}
	switch in.kind {
	case addPart:
		c.sent++
		in.data = fmt.Sprintf("%d.%06d", c.n, c.sent)
	case complete:
		in.ids = c.choose()
	case getFile, listFiles, download, deletion:
		if c.known() == "" {
			in.kind = getUpload
		}
	}
	op := porcupine.Operation{ClientId: c.n, Input: in, Call: c.clock.Add(1)}
	out, err := c.ask(c.apis[c.rng.IntN(len(c.apis))], in)
	op.Return = c.clock.Add(1)
	if err != nil && c.excused(err) {
		time.Sleep(disturbed)
		if unsent(err) {
			return
		}
		err = nil
	}
	if c.rng.IntN(20) == 0 {
		out = output{outcome: lost}
	}
	op.Output = out
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = errors.Join(c.failure, err)
	if out.outcome == ok {
		c.learn(in, out)
	}
	c.ops = append(c.ops, op)
}

// disturbed is how long a client waits after a failure that is excused.
const disturbed = 30 * time.Millisecond

// unsent says whether a request was never sent, so that it has no part in the history.
func unsent(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "dial"
}

// choose picks parts to complete with: a list that others have tried, or the
// newest in some order, and now and then too few.
func (c *client) choose() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lists) > 0 && c.rng.IntN(2) == 0 {
		return c.lists[c.rng.IntN(len(c.lists))]
	}
	ids := slices.Clone(c.parts[max(0, len(c.parts)-wanted-1):])
	c.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = ids[:min(len(ids), wanted-c.rng.IntN(20)/19)]
	c.lists = append(c.lists, ids)
	return ids
}

func (c *client) known() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file
}

func (c *client) learn(in input, out output) {
	switch {
	case in.kind == addPart:
		c.parts = append(c.parts, out.id)
	case out.id != "":
		c.file = out.id
	}
}

// ask sends the request. Its error is an answer that no state explains.
func (c *client) ask(a api.API, in input) (output, error) {
	ctx, out := context.Background(), output{outcome: ok}
	var err error
	switch in.kind {
	case addPart:
		var p *api.Part
		if p, err = a.AddPart(ctx, c.upload, strings.NewReader(in.data)); err == nil {
			out.id = p.ID
		}
	case complete:
		var u *api.Upload
		if u, err = a.CompleteUpload(ctx, c.upload, api.CompleteUploadRequest{PartIDs: in.ids}); err == nil {
			out.id = u.File.ID
		}
	case cancel:
		_, err = a.CancelUpload(ctx, c.upload)
	case getUpload:
		var u *api.Upload
		if u, err = a.GetUpload(ctx, c.upload); err == nil {
			if out.status = string(u.Status); u.File != nil {
				out.id = u.File.ID
			}
		}
	case listParts:
		var l *api.List[api.PartInfo]
		if l, err = a.ListParts(ctx, c.upload, api.ListQuery{}); err == nil {
			for _, p := range l.Data {
				out.ids = append(out.ids, p.ID)
			}
		}
	default:
		return c.askFile(ctx, a, in.kind, c.known())
	}
	return answered(out, err, api.ErrInvalid)
}

// askFile sends a request about the File.
func (c *client) askFile(ctx context.Context, a api.API, k kind, id string) (out output, err error) {
	out.outcome = ok
	switch k {
	case getFile:
		_, err = a.GetFile(ctx, id)
	case deletion:
		_, err = a.DeleteFile(ctx, id)
	case listFiles:
		var l *api.List[api.File]
		if l, err = a.ListFiles(ctx, api.ListQuery{Limit: 1000}); err == nil {
			if !slices.ContainsFunc(l.Data, func(f api.File) bool { return f.ID == id }) {
				out.outcome = refused
			}
		}
	case download:
		var content api.Content
		if content, err = a.OpenFile(ctx, id); err == nil {
			var b []byte
			b, err = io.ReadAll(content)
			content.Close()
			out.data = string(b)
		}
	}
	return answered(out, err, api.ErrNotFound)
}

// answered makes the outcome of an error, of which only one kind is a refusal.
func answered(out output, err error, refusal *api.Error) (output, error) {
	if errors.Is(err, refusal) {
		return output{outcome: refused}, nil
	}
	if err != nil {
		return output{outcome: lost}, err
	}
	return out, nil
}

// linear is the history as the model takes it. A look without an answer says
// nothing. A change without one may take effect at any time after. A part
// without one has an id that nobody knows, so that nobody can use it: it is
// left out, of lists too.
func (h *history) linear() []porcupine.Operation {
	told := map[string]bool{}
	for _, id := range h.parts {
		told[id] = true
	}
	var ops []porcupine.Operation
	for _, op := range h.ops {
		in, out := op.Input.(input), op.Output.(output)
		if out.outcome == lost {
			if in.kind != complete && in.kind != cancel && in.kind != deletion {
				continue
			}
			op.Return = math.MaxInt64
		}
		out.ids = slices.DeleteFunc(slices.Clone(out.ids), func(id string) bool { return !told[id] })
		op.Output = out
		ops = append(ops, op)
	}
	return ops
}
