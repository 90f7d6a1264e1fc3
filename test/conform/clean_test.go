package conform

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/conform"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// owned is a File and an Upload that were there before: no run may touch them.
type owned struct{ file, upload string }

// own makes them, with names that are not of a run, though nearly.
func (s *server) own(t testing.TB) owned {
	t.Helper()
	c := s.client(t)
	f := uploadstest.Must(c.CreateFile(t.Context(), strings.NewReader("mine\n"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "uploadd-conform-report.jsonl", Purpose: "batch"}, nil
	}))(t)
	u := uploadstest.Must(c.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "my uploadd-conform-", Purpose: "batch", Bytes: 5, MimeType: "text/plain"}))(t)
	return owned{f.ID, u.ID}
}

// untouched holds them to what they were.
func (s *server) untouched(t testing.TB, o owned) {
	t.Helper()
	if got := uploadstest.Read(t, s.client(t), o.file); string(got) != "mine\n" {
		t.Errorf("the File that was there is now %q", got)
	}
	if u := uploadstest.Must(s.client(t).GetUpload(t.Context(), o.upload))(t); u.Status != api.StatusPending {
		t.Errorf("the Upload that was there is %s", u.Status)
	}
}

// TestInterrupted ends runs of the command with SIGINT, each after some requests more.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine := s.own(t)
	target := uploadstest.Must(url.Parse(s.URL))(t)
	for _, after := range []int64{1, 2, 5, 60, 200, 399} {
		var requests atomic.Int64
		begun := make(chan *exec.Cmd, 1)
		proxy := httputil.NewSingleHostReverseProxy(target)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == after {
				(<-begun).Process.Signal(syscall.SIGINT)
			}
			proxy.ServeHTTP(w, r)
		}))
		cmd := exec.Command(program.Path(), "conform", "--base-url="+front.URL+"/v1", "--key="+s.key)
		out, err := output(cmd, begun)
		front.Close()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || after > 1 && !strings.Contains(out, "The run was interrupted.") {
			t.Errorf("interrupted after %d requests: %v\n%s", after, err, out)
		}
		s.empty(t)
	}
	s.untouched(t, mine)
}

// output runs a command, and says when it has begun.
func output(cmd *exec.Cmd, begun chan<- *exec.Cmd) (string, error) {
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", err
	}
	begun <- cmd
	out, err := io.ReadAll(bufio.NewReader(pipe))
	return string(out), errors.Join(err, cmd.Wait())
}

// unreliable loses one request in so many: before the server has it, on the way back, or
// by a failure of the server's, in equal parts.
func unreliable(seed uint64, one int) fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func() int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(3 * one)
	}
	return func(c *call, next func(*call) *reply) *reply {
		switch draw() {
		case 0:
			return nil
		case 1:
			next(c)
			return nil
		case 2:
			return refusal(500)
		}
		return next(c)
	}
}

// TestUnreliable runs against a server whose connections break, and which fails.
func TestUnreliable(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine := s.own(t)
	for seed := range uint64(6) {
		r := &relay{fault: unreliable(seed, 12)}
		report, err := conform.Run(t.Context(), r.options(s), conform.Select(nil, false))
		if errors.Is(err, conform.ErrUnreachable) {
			continue // the first request was lost
		}
		if err != nil {
			t.Fatal(err)
		}
		if report.Count(conform.Differs) == 0 {
			t.Errorf("%d: nothing was noticed", seed)
		}
		if len(report.Left) > 0 || report.UnsureFiles > 0 || report.UnsureUploads > 0 {
			t.Errorf("%d: left %v, unsure of %d Files and %d Uploads", seed, report.Left, report.UnsureFiles, report.UnsureUploads)
		}
		s.empty(t)
	}
	s.untouched(t, mine)
}

// TestClean removes what a run left that was killed.
func TestClean(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine := s.own(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program.Path(), "conform", "--base-url="+s.URL+"/v1", "--key="+s.key, "--pause=20ms", "--only=^(list|parts)/")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !s.holds(t) {
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !s.holds(t) {
		t.Fatal("nothing is left of the run that was killed")
	}
	if code, out := program.Run(ctx, "conform", "--clean", "--base-url="+s.URL+"/v1", "--key="+s.key); code != 0 || !strings.Contains(out, " removed, 0 left") {
		t.Errorf("--clean: exit %d\n%s", code, out)
	}
	s.empty(t)
	s.untouched(t, mine)
}

// holds says whether the server has an open Upload of a run.
func (s *server) holds(t testing.TB) bool {
	t.Helper()
	for _, u := range uploadstest.Must(s.client(t).ListUploads(t.Context(), api.ListQuery{}))(t).Data {
		if u.Status == api.StatusPending && strings.HasPrefix(u.Filename, conform.Prefix) {
			return true
		}
	}
	return false
}

// TestRemovedAtOnce wants nothing of a check to be there when the next one begins, but what
// the checks of the list share.
func TestRemovedAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	var mu sync.Mutex
	live, last := map[string]bool{}, ""
	r := &relay{fault: func(c *call, next func(*call) *reply) *reply {
		mu.Lock()
		if c.check != last && !strings.HasPrefix(last, "list/") && len(live) > 0 {
			t.Errorf("%s has left %v behind", last, live)
		}
		last = c.check
		mu.Unlock()
		a := next(c)
		mu.Lock()
		defer mu.Unlock()
		id, _ := a.object()["id"].(string)
		switch {
		case a.status != http.StatusOK:
		case c.kind == postUpload, c.kind == postFile:
			live[id] = true
		case c.kind == postCancel, c.kind == deleteFile:
			delete(live, id)
		case c.kind == postComplete:
			delete(live, id)
			f, _ := a.object()["file"].(map[string]any)
			live[f["id"].(string)] = true
		}
		return a
	}}
	passes(t, s.run(t, r, conform.Select(nil, false)))
}
