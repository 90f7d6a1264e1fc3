// Package histories runs concurrent clients against the program and checks that
// what they saw is what some order of their requests, one behind the other, would
// have shown them: that every history is linearizable.
package histories

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"uploadd/api"
	"uploadd/test/program"
)

var histories = flag.Int("histories", 150, "how many histories are made and checked")

func TestMain(m *testing.M) { program.Main(m) }

const (
	clients = 8
	steps   = 30 // of each client
	// undecided is how long a history may take to check. One that takes longer
	// has not been shown to be right.
	undecided = 20 * time.Second
)

func TestHistories(t *testing.T) {
	s := program.Start(t, program.Options{})
	var next, operations, unanswered atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for seed := next.Add(1); seed <= int64(*histories); seed = next.Add(1) {
				h := record(t, s.Client, uint64(seed))
				for _, op := range h {
					operations.Add(1)
					if op.Output.(output).outcome == lost {
						unanswered.Add(1)
					}
				}
				check(t, seed, h)
			}
		})
	}
	wg.Wait()
	program.Check(t, s.Data)
	t.Logf("%d histories of %d clients, %d operations of which the answers of %d changes were lost, in %s",
		*histories, clients, operations.Load(), unanswered.Load(), time.Since(began).Round(time.Second))
}

// check fails the test with the history unless it is linearizable.
func check(t *testing.T, seed int64, h []porcupine.Operation) {
	result, info := porcupine.CheckOperationsVerbose(model, h, undecided)
	if result == porcupine.Ok {
		return
	}
	for _, op := range h {
		t.Logf("%4d to %4d, client %d: %s", op.Call, op.Return, op.ClientId, model.DescribeOperation(op.Input, op.Output))
	}
	picture := filepath.Join(os.TempDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, picture); err != nil {
		t.Log(err)
	}
	t.Errorf("history %d is not linearizable (%s); there is a picture of it in %s", seed, result, picture)
}

// record makes a history: of one Upload, by clients that hurry each other.
func record(t *testing.T, a api.API, seed uint64) []porcupine.Operation {
	u, err := a.CreateUpload(context.Background(), api.CreateUploadRequest{
		Filename: "f", Purpose: "user_data", Bytes: wanted * partSize, MimeType: "text/plain"})
	if err != nil {
		t.Errorf("create: %v", err)
		return nil
	}
	h := &history{api: a, upload: u.ID}
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
		_, _ = a.DeleteFile(context.Background(), h.file) // it may be gone
	}
	return h.linear()
}
