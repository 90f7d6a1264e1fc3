package transfer

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
)

var storms = flag.Int("storms", 20, "how many uploads are sent through random failures")

// wantOnly fails the test unless the server has one File, with these bytes.
func wantOnly(t testing.TB, s *openaifake.Server, data []byte) {
	t.Helper()
	all := s.Contents()
	if len(all) != 1 || !bytes.Equal(all[0], data) {
		t.Errorf("there are %d Files, or other bytes than were sent", len(all))
	}
}

func isComplete(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/complete") }
func isPart(r *http.Request) bool     { return strings.HasSuffix(r.URL.Path, "/parts") }

func TestAzure(t *testing.T) {
	s := openaifake.NewAzure(t, testKey, "2024-10-21")
	u := newUploader(t, s.URL)
	u.Client = uploadstest.Must(client.New(client.Config{BaseURL: s.URL, Key: testKey, APIVersion: "2024-10-21"}))(t)
	u.PartSize = 1 << 20
	data := uploadstest.Random(1, 3<<20)
	uploadstest.Must(u.UploadFile(t.Context(), file(t, data), Request{}))(t)
	wantOnly(t, s, data)
}

// A server that asks for less gets less, later, and in the end everything.
func TestBusyServer(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, testKey)
	var refused atomic.Int32
	s.Refuse = func(r *http.Request, h http.Header) *api.Error {
		if isPart(r) && refused.Add(1) <= 4 {
			h.Set("Retry-After", "1")
			return api.Errorf(&api.Error{Status: http.StatusTooManyRequests}, "", "Rate limit reached.")
		}
		return nil
	}
	u, seen := newUploader(t, s.URL), &events{}
	u.PartSize, u.Progress = 1<<20, seen.add
	data := uploadstest.Random(2, 8<<20)
	uploadstest.Must(u.UploadFile(t.Context(), file(t, data), Request{}))(t)
	wantOnly(t, s, data)
	for _, p := range seen.all {
		if p.Event == Retrying && busy(p.Err) && p.Wait < time.Second {
			t.Errorf("waited %v, where the server asked for 1s", p.Wait)
		}
	}
	if n := u.shared.gate.limit; n >= firstParallel || n < 1 {
		t.Errorf("it still sends %d at a time", n)
	}
}

// The calls of an Uploader send as many Parts at a time together as it says.
func TestParallel(t *testing.T) {
	const most = 3
	s := openaifake.New(t, testKey)
	var now, peak atomic.Int32
	s.Refuse = func(r *http.Request, _ http.Header) *api.Error {
		if isPart(r) {
			n := now.Add(1)
			for was := peak.Load(); n > was && !peak.CompareAndSwap(was, n); was = peak.Load() {
			}
			time.Sleep(2 * time.Millisecond)
		}
		return nil
	}
	s.Lose = func(r *http.Request) bool {
		if isPart(r) {
			now.Add(-1)
		}
		return false
	}
	u := newUploader(t, s.URL)
	u.PartSize, u.Parallel = 64<<10, most
	var calls sync.WaitGroup
	for range 3 {
		path := file(t, uploadstest.Random(8, 1<<20+1))
		calls.Go(func() {
			if _, err := u.UploadFile(t.Context(), path, Request{}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if peak.Load() != most {
		t.Errorf("%d Parts were sent at a time, want %d", peak.Load(), most)
	}
}

// What would be refused again is not sent again; what the server says of that
// outweighs its status.
func TestNoRetry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status  int
		should  string
		retries bool
	}{
		{400, "", false}, {401, "", false}, {404, "", false}, {409, "", false}, {413, "", false},
		{408, "", true}, {429, "", true}, {500, "", true}, {503, "", true}, {507, "", false}, {507, "true", true},
		{500, "false", false}, {409, "true", true},
	} {
		s := openaifake.New(t, testKey)
		var requests atomic.Int32
		s.Refuse = func(r *http.Request, h http.Header) *api.Error {
			if !isPart(r) || requests.Add(1) > 1 {
				return nil
			}
			if tt.should != "" {
				h.Set("X-Should-Retry", tt.should)
			}
			return api.Errorf(&api.Error{Status: tt.status}, "", "No, %s.", r.Header.Get("Authorization"))
		}
		u := newUploader(t, s.URL)
		_, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(3, 2<<20)), Request{})
		if (err == nil) != tt.retries {
			t.Errorf("%d, x-should-retry %q: %v", tt.status, tt.should, err)
		}
		if err != nil && strings.Contains(err.Error(), testKey) {
			t.Errorf("the error has the key: %v", err)
		}
	}
}

// A page where the API should be is asked for a few times, and then believed.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Write([]byte("<!DOCTYPE html><title>Please sign in</title>"))
	}))
	defer s.Close()
	u := newUploader(t, s.URL)
	u.PartSize = resumePart
	_, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(1, 2*resumePart)), Request{})
	if err == nil || errors.Is(err, ErrUnknownOutcome) || asked.Load() != mostForeign {
		t.Errorf("after %d answers: %v", asked.Load(), err)
	}
}

// A call gives up when nothing has arrived for its patience, and when the same
// Part has been sent often enough.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		patience time.Duration
		fail     func(*openaifake.Server)
		want     string
	}{
		{"nothing is taken", 300 * time.Millisecond, func(s *openaifake.Server) {
			s.Refuse = func(r *http.Request, _ http.Header) *api.Error {
				if !isPart(r) {
					return nil
				}
				return api.Errorf(api.ErrUnavailable, "", "Not now.")
			}
		}, ErrNoProgress.Error()},
		{"no Part is answered", time.Hour, func(s *openaifake.Server) { s.Lose = isPart }, "given up after 10 attempts"},
	} {
		s := openaifake.New(t, testKey)
		tt.fail(s)
		u := newUploader(t, s.URL)
		u.Patience, u.Journal = tt.patience, t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := u.UploadFile(ctx, file(t, uploadstest.Random(4, 2<<20)), Request{})
		var cut *Incomplete
		if !errors.As(err, &cut) || !cut.Resumable || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(s.Contents()) > 0 {
			t.Errorf("%s: there is a File", tt.name)
		}
	}
}

// A request that hangs is given up, and made again.
func TestStall(t *testing.T) {
	t.Parallel()
	s := openaifake.New(t, testKey)
	release := make(chan struct{})
	defer close(release)
	var first atomic.Bool
	s.Refuse = func(r *http.Request, _ http.Header) *api.Error {
		if isPart(r) && first.CompareAndSwap(false, true) {
			<-release
		}
		return nil
	}
	u, seen := newUploader(t, s.URL), &events{}
	u.Patience, u.Progress = 600*time.Millisecond, seen.add
	data := uploadstest.Random(5, 2<<20)
	uploadstest.Must(u.UploadFile(t.Context(), file(t, data), Request{}))(t)
	wantOnly(t, s, data)
	if seen.count(Retrying) == 0 {
		t.Error("nothing was given up")
	}
}

// Through any mix of refusals and lost answers a file arrives whole and once, or
// the error says that it did not, or that nobody knows.
func TestStorms(t *testing.T) {
	t.Parallel()
	var failed, unknown int
	for seed := range *storms {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		s := openaifake.New(t, testKey)
		var mu sync.Mutex
		chance := func(percent int) bool {
			mu.Lock()
			defer mu.Unlock()
			return r.IntN(100) < percent
		}
		worst := r.IntN(50)
		s.Refuse = func(*http.Request, http.Header) *api.Error {
			if !chance(worst) {
				return nil
			}
			return api.Errorf(&api.Error{Status: []int{408, 429, 500, 502, 503}[seed%5]}, "", "Not now.")
		}
		s.Lose = func(*http.Request) bool { return chance(worst / 2) }
		u := newUploader(t, s.URL)
		u.Patience, u.PartSize, u.Journal = 2*time.Second, 64<<10, t.TempDir()
		size := 1 + r.IntN(64<<10) // by one request
		if seed%3 > 0 {
			size = 64<<10 + r.IntN(1<<20)
		}
		data := uploadstest.Random(uint64(seed), size)
		f, err := u.UploadFile(t.Context(), file(t, data), Request{Purpose: []string{"batch", "user_data"}[seed%2]})
		all := s.Contents()
		switch {
		case err == nil && (len(all) != 1 || !bytes.Equal(all[0], data)):
			t.Errorf("storm %d: %d Files; returned %v", seed, len(all), f)
		case err != nil && len(all) > 0 && !errors.Is(err, ErrUnknownOutcome):
			t.Errorf("storm %d: there is a File, and the error does not say so: %v", seed, err)
		case len(all) > 1:
			t.Errorf("storm %d: %d Files after %v", seed, len(all), err)
		}
		switch {
		case errors.Is(err, ErrUnknownOutcome):
			unknown++
		case err != nil:
			failed++
		}
	}
	t.Logf("%d storms: %d failed, %d with an unknown outcome", *storms, failed, unknown)
	if failed+unknown > *storms/2 {
		t.Error("most uploads failed")
	}
}

// The key is in no journal, no event and no error.
func TestKeyStaysIn(t *testing.T) {
	s := openaifake.New(t, "another key")
	u := newUploader(t, s.URL)
	u.Journal = t.TempDir()
	if _, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(6, 2<<20)), Request{}); err == nil || strings.Contains(err.Error(), testKey) {
		t.Errorf("%v", err)
	}
	s = openaifake.New(t, testKey)
	s.Lose = isPart
	u.Client, u.Patience = newClient(t, s.URL), 100*time.Millisecond
	u.Progress = func(p Progress) {
		if p.Err != nil && strings.Contains(p.Err.Error(), testKey) {
			t.Errorf("an event has the key: %v", p.Err)
		}
	}
	if _, err := u.UploadFile(t.Context(), file(t, uploadstest.Random(6, 2<<20)), Request{}); err == nil || strings.Contains(err.Error(), testKey) {
		t.Errorf("%v", err)
	}
	journals := uploadstest.Must(filepath.Glob(filepath.Join(u.Journal, "*")))(t)
	if len(journals) != 1 {
		t.Fatalf("journals: %v", journals)
	}
	if raw := uploadstest.Must(os.ReadFile(journals[0]))(t); bytes.Contains(raw, []byte(testKey)) {
		t.Error("the journal has the key")
	}
}

// Another place is never asked, whoever points to it.
func TestNoRedirect(t *testing.T) {
	other := openaifake.New(t, testKey)
	other.Refuse = func(r *http.Request, _ http.Header) *api.Error {
		t.Errorf("the other server got %s %s", r.Method, r.URL)
		return nil
	}
	s := openaifake.New(t, testKey)
	s.Refuse = func(r *http.Request, h http.Header) *api.Error {
		if !isPart(r) {
			return nil
		}
		h.Set("Location", other.URL+r.URL.Path)
		return &api.Error{Status: http.StatusTemporaryRedirect, Message: "there"}
	}
	_, err := newUploader(t, s.URL).UploadFile(t.Context(), file(t, uploadstest.Random(7, 2<<20)), Request{})
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusTemporaryRedirect {
		t.Errorf("%v", err)
	}
}
