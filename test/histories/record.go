package histories

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"uploadd/api"
)

const (
	clients = 8
	steps   = 30 // of each client
	// undecided is how long a history may take to check. One that takes longer
	// has not been shown to be right.
	undecided = 20 * time.Second
)

// History is what the clients of one Upload saw.
type History struct {
	seed uint64
	ops  []porcupine.Operation
}

// Record makes a history: of one Upload, by clients that hurry each other. Each of
// their requests goes to any of apis, which are ways to the same server. An error that
// is no answer fails the test, unless it is excused: then nobody knows whether the
// request had an effect.
func Record(t testing.TB, apis []api.API, seed uint64, excused func(error) bool) *History {
	r := &History{seed: seed}
	h := &history{apis: apis, excused: excused}
	u, err := h.begin()
	if err != nil {
		t.Errorf("create: %v", err)
		return r
	}
	h.upload = u.ID
	var wg sync.WaitGroup
	for n := range clients {
		c := newClient(h, n, seed)
		wg.Go(func() {
			for range steps {
				c.step()
			}
		})
	}
	wg.Wait()
	if h.failure != nil {
		t.Errorf("history %d: %v", seed, h.failure)
	}
	if h.file != "" { // so that lists stay short
		_, _ = apis[0].DeleteFile(context.Background(), h.file) // it may be gone
	}
	r.ops = h.linear()
	return r
}

// begin creates the Upload, be it only after some excused failures.
func (h *history) begin() (u *api.Upload, err error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(disturbed) {
		for _, a := range h.apis {
			u, err = a.CreateUpload(context.Background(), api.CreateUploadRequest{
				Filename: "f", Purpose: "user_data", Bytes: wanted * partSize, MimeType: "text/plain"})
			if err == nil || !h.excused(err) || time.Now().After(end) {
				return u, err
			}
		}
	}
}

// Operations is how many requests the history has.
func (h *History) Operations() int { return len(h.ops) }

// Unanswered is how many changes it has of which the answer was lost.
func (h *History) Unanswered() (n int) {
	for _, op := range h.ops {
		if op.Output.(output).outcome == lost {
			n++
		}
	}
	return n
}

// Check fails the test with the history unless it is linearizable.
func (h *History) Check(t testing.TB) {
	result, info := porcupine.CheckOperationsVerbose(model, h.ops, undecided)
	if result == porcupine.Ok {
		return
	}
	for _, op := range h.ops {
		t.Logf("%4d to %4d, client %d: %s", op.Call, op.Return, op.ClientId, model.DescribeOperation(op.Input, op.Output))
	}
	picture := filepath.Join(os.TempDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, picture); err != nil {
		t.Log(err)
	}
	t.Errorf("history %d is not linearizable (%s); there is a picture of it in %s", h.seed, result, picture)
}
