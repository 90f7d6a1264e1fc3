package uploads_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/jsonl"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

const batchLine = `{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}` + "\n"

// batch is a file of n requests, of which that on line wrong is not one; 0 is none.
func batch(n, wrong int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		line := fmt.Sprintf(batchLine, i)
		if i == wrong {
			line = strings.Replace(line, "custom_id", "custom", 1)
		}
		b.WriteString(line)
	}
	return b.String()
}

// validating has w look at Files of the purpose batch.
func (w *world) validating(v uploads.Validator) {
	w.svc.Validators = map[string]uploads.Validator{"batch": v}
}

func (w *world) createBatch(bytes int) string {
	w.t.Helper()
	return uploadstest.Must(w.api.CreateUpload(w.t.Context(), api.CreateUploadRequest{
		Filename: "f.jsonl", Purpose: "batch", Bytes: int64(bytes), MimeType: "text/jsonl"}))(w.t).ID
}

func (w *world) tryComplete(upload string, ids ...string) error {
	_, err := w.api.CompleteUpload(w.t.Context(), upload, api.CompleteUploadRequest{PartIDs: ids})
	return err
}

func (w *world) tryFile(data, purpose string) error {
	_, err := w.api.CreateFile(w.t.Context(), strings.NewReader(data), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f.jsonl", Purpose: purpose}, nil
	})
	return err
}

// refused expects the answer about a line.
func refused(t *testing.T, err error, param, message string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Type != api.TypeInvalidRequest || e.Code != api.CodeInvalidFile || e.Param != param || e.Message != message {
		t.Errorf("%+v, want %s about %s", err, message, param)
	}
}

// A completion whose File is not what its purpose asks for changes nothing; the Upload
// can be completed with other Parts, and then is not looked at again.
func TestValidatedUpload(t *testing.T) {
	w := newWorld(t)
	var looked atomic.Int64
	w.validating(func(r io.Reader) (string, error) { looked.Add(1); return jsonl.Batch(r) })
	good, bad := batch(40, 0), batch(40, 17)
	bad += strings.Repeat(" ", len(good)-len(bad))
	u := w.createBatch(len(good))
	split := func(data string) (ids []string) { // in the middle of lines
		for _, piece := range []string{data[:100], data[100:1507], data[1507:]} {
			ids = append(ids, w.add(u, piece))
		}
		return ids
	}
	wrong := split(bad)
	before := state(t, w.api)
	refused(t, w.tryComplete(u, wrong...), "part_ids", "Invalid file for purpose 'batch': line 17: 'custom_id' is missing.")
	if after := state(t, w.api); after != before {
		t.Errorf("it is %s, and was %s", after, before)
	}
	w.sound("a completion that was refused")
	right := split(good)
	fatal(t, w.tryComplete(u, right...))
	before, times := state(t, w.api), looked.Load()
	fatal(t, w.tryComplete(u, right...))
	if looked.Load() != times || state(t, w.api) != before {
		t.Errorf("completed again, it was looked at %d times, and before %d times", looked.Load(), times)
	}
	other := w.create(3) // of another purpose
	w.complete(other.ID, w.add(other.ID, "abc"))
	if looked.Load() != times {
		t.Error("a File of another purpose was looked at")
	}
}

func TestValidatedFile(t *testing.T) {
	w := newWorld(t)
	w.validating(jsonl.Batch)
	before := state(t, w.api)
	refused(t, w.tryFile(batch(3, 3), "batch"), "file", "Invalid file for purpose 'batch': line 3: 'custom_id' is missing.")
	refused(t, w.tryFile("", "batch"), "file", "Invalid file for purpose 'batch': it has no lines.")
	if after := state(t, w.api); after != before {
		t.Errorf("it is %s, and was %s", after, before)
	}
	w.pass(grace)
	w.clean()
	w.holdsExactly("files that were refused")
	fatal(t, w.tryFile(batch(3, 0), "batch"))
	fatal(t, w.tryFile("{", "user_data"))
	w.sound("files that were taken")
}

// Bytes that cannot be read are no fault of whoever sent them.
func TestValidatingDamage(t *testing.T) {
	w := newWorld(t)
	w.validating(jsonl.Batch)
	data := batch(40, 0)
	u := w.createBatch(len(data))
	id := w.add(u, data)
	f := uploadstest.Must(os.OpenFile(w.path(id), os.O_RDWR, 0))(t)
	defer f.Close()
	uploadstest.Must(f.WriteAt([]byte("x"), 5))(t)
	var e *api.Error
	if err := w.tryComplete(u, id); !errors.Is(err, uploads.ErrCorrupt) || errors.As(err, &e) {
		t.Errorf("damaged: %v", err)
	}
	fatal(t, os.Remove(w.path(id)))
	if err := w.tryComplete(u, id); err == nil || errors.As(err, &e) {
		t.Errorf("missing: %v", err)
	}
}

// What ends an Upload while it is looked at wins, whatever is found.
func TestValidatingLoses(t *testing.T) {
	for _, fault := range []string{"", "line 1: it is wrong"} {
		w := newWorld(t)
		begun, end := make(chan struct{}), make(chan struct{})
		w.validating(func(r io.Reader) (string, error) {
			close(begun)
			<-end
			return fault, nil
		})
		u := w.createBatch(3)
		id := w.add(u, "abc")
		ended := make(chan error)
		go func() { ended <- w.tryComplete(u, id) }()
		<-begun
		uploadstest.Must(w.api.CancelUpload(t.Context(), u))(t)
		close(end)
		if err := <-ended; !errors.Is(err, api.ErrState) {
			t.Errorf("'%s': %v, want the state", fault, err)
		}
		w.sound("an Upload that was cancelled")
	}
}

// No more are looked at once than there are processors: the next one waits, for as long
// as its caller does.
func TestValidatingAtOnce(t *testing.T) {
	w := newWorld(t)
	begun, end := make(chan struct{}), make(chan struct{})
	w.validating(func(io.Reader) (string, error) {
		begun <- struct{}{}
		<-end
		return "", nil
	})
	var all sync.WaitGroup
	complete := func(ctx context.Context) error {
		u := w.createBatch(3)
		_, err := w.api.CompleteUpload(ctx, u, api.CompleteUploadRequest{PartIDs: []string{w.add(u, "abc")}})
		return err
	}
	start := func() {
		all.Go(func() {
			if err := complete(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for range runtime.GOMAXPROCS(0) {
		start()
		<-begun
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	late := make(chan error)
	go func() { late <- complete(ctx) }()
	select {
	case err := <-late:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one too many: %v", err)
		}
	case <-begun:
		t.Error("one more than there are processors is looked at")
		defer func() { <-late }()
	}
	start() // gets its turn when another is done
	close(end)
	<-begun
	all.Wait()
}
