// Package hostile runs the program among clients that mean it harm: thousands
// that are slow, bodies and heads that never end, requests that a proxy takes for
// others. What counts is that honest clients beside them notice nothing.
package hostile

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/test/program"
)

func TestMain(m *testing.M) {
	if attack := os.Getenv(attackEnv); attack != "" {
		attacker(attack) // a process of its own: descriptors are per process
		return
	}
	flag.Parse()
	program.Main(m)
}

// honest are clients that do what clients do, and count how it went. They make
// one attempt at each thing: where it fails, they were harmed.
type honest struct {
	s    *program.Server
	key  string
	size int64 // of a Part, in bytes

	mu     sync.Mutex
	lives  []time.Duration // of whole lives of an Upload
	failed []error
}

// run has n clients at work until the context ends. Every other one opens a
// connection for each request.
func (h *honest) run(ctx context.Context, n int) {
	var wg sync.WaitGroup
	for i := range n {
		transport := &http.Transport{DisableKeepAlives: i%2 == 1, MaxIdleConnsPerHost: 1}
		defer transport.CloseIdleConnections()
		c, err := client.New(client.Config{BaseURL: h.s.URL + "/v1", Key: h.key, HTTP: &http.Client{Transport: transport}})
		if err != nil {
			h.note(0, err)
			return
		}
		wg.Go(func() {
			rnd := rand.NewChaCha8([32]byte{byte(i)})
			for ctx.Err() == nil {
				begun := time.Now()
				err := live(ctx, c, rnd, h.size)
				if ctx.Err() != nil {
					return // broken off by the end of the test, perhaps
				}
				h.note(time.Since(begun), err)
			}
		})
	}
	wg.Wait()
}

func (h *honest) note(took time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.failed = append(h.failed, err)
		return
	}
	h.lives = append(h.lives, took)
}

// report tells how it went, and fails the test if anybody was harmed.
func (h *honest) report(t *testing.T, what string, during time.Duration) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, err := range h.failed[:min(len(h.failed), 10)] {
		t.Errorf("%s: an honest client was harmed: %v", what, err)
	}
	if len(h.lives) == 0 {
		t.Errorf("%s: no honest client came to its end", what)
		return
	}
	slices.Sort(h.lives)
	at := func(percent int) time.Duration {
		return h.lives[(len(h.lives)-1)*percent/100].Round(time.Millisecond)
	}
	t.Logf("%s: %d uploads and downloads in %v, %.1f a second, median %v, p99 %v, longest %v; %d failed",
		what, len(h.lives), during.Round(time.Second), float64(len(h.lives))/during.Seconds(), at(50), at(99), at(100), len(h.failed))
}

// live makes a File of one Part, reads it back, and deletes it.
func live(ctx context.Context, a api.API, rnd io.Reader, size int64) error {
	data, err := io.ReadAll(io.LimitReader(rnd, size))
	if err != nil {
		return err
	}
	u, err := a.CreateUpload(ctx, api.CreateUploadRequest{Filename: "f", Purpose: "user_data", Bytes: size, MimeType: "text/plain"})
	if err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	p, err := a.AddPart(ctx, u.ID, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("adding: %w", err)
	}
	u, err = a.CompleteUpload(ctx, u.ID, api.CompleteUploadRequest{PartIDs: []string{p.ID}})
	if err != nil {
		return fmt.Errorf("completing: %w", err)
	}
	content, err := a.OpenFile(ctx, u.File.ID)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	got, err := io.ReadAll(content)
	if err := errors.Join(err, content.Close()); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if !bytes.Equal(got, data) {
		return errors.New("what was read is not what was sent")
	}
	if _, err := a.DeleteFile(ctx, u.File.ID); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	return nil
}

// newKey makes a key for a project that may ask as often as it likes.
func newKey(t *testing.T, data, project string) string {
	t.Helper()
	code, key := program.Run(t.Context(), "keys", "create", "--data="+data, "--project="+project)
	if code != 0 {
		t.Fatalf("making a key: exit %d, %s", code, key)
	}
	if code, out := program.Run(t.Context(), "projects", "limit", "--data="+data, project, "--max-requests=none"); code != 0 {
		t.Fatalf("taking the limit off: exit %d, %s", code, out)
	}
	lines := strings.Split(strings.TrimSpace(key), "\n")
	return lines[len(lines)-1]
}

// memory is what a process holds, in bytes, now and at most, and its descriptors.
func memory(t *testing.T, pid int) (now, most int64, descriptors int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &now)
		fmt.Sscanf(line, "VmHWM: %d kB", &most)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return now << 10, most << 10, len(fds)
}
