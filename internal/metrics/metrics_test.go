package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/hooks"
	"uploadd/internal/meta"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
)

var errAway = errors.New("the database is away")

// config is what a server without anything in it says.
func config() Config {
	return Config{
		Totals: func(context.Context) (*meta.Totals, error) { return &meta.Totals{}, nil },
		Ready:  func(context.Context) error { return nil },
		Told:   func() hooks.Counts { return hooks.Counts{} },
		Now:    time.Now,
		Log:    slog.New(slog.DiscardHandler),
	}
}

// scrape returns the lines of the series.
func scrape(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return "\n" + w.Body.String()
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no %q in\n%s", line, text)
		}
	}
}

func lacks(t *testing.T, text string, series ...string) {
	t.Helper()
	for _, name := range series {
		if strings.Contains(text, "\n"+name) {
			t.Errorf("there is a %s in\n%s", name, text)
		}
	}
}

// What is kept is told as it is.
func TestKept(t *testing.T) {
	c := config()
	c.Now = func() time.Time { return time.Unix(1000, 0) }
	c.Totals = func(context.Context) (*meta.Totals, error) {
		return &meta.Totals{Bytes: 1, Reserved: 2, Files: 3, Uploads: 4, Binned: 5, Due: 940, Untold: 8, UntoldSince: 970}, nil
	}
	c.Told = func() hooks.Counts { return hooks.Counts{Delivered: 5, Again: 3, GivenUp: 1} }
	c.Space = func() (blob.Space, error) { return blob.Space{Size: 7, Free: 6, Reserve: 5}, nil }
	has(t, scrape(New().Handler(c)),
		"uploadd_ready 1", "uploadd_stored_bytes 1", "uploadd_reserved_bytes 2", "uploadd_files 3", "uploadd_open_uploads 4",
		"uploadd_bin_keys 5", "uploadd_janitor_lag_seconds 60",
		"uploadd_hook_events_pending 8", "uploadd_hook_lag_seconds 30",
		`uploadd_hook_attempts_total{outcome="delivered"} 5`, `uploadd_hook_attempts_total{outcome="again"} 3`, `uploadd_hook_attempts_total{outcome="given_up"} 1`,
		"uploadd_disk_size_bytes 7", "uploadd_disk_free_bytes 6", "uploadd_disk_reserve_bytes 5")
	for name, due := range map[string]int64{"nothing is due": 0, "something will be": 1060} {
		c.Totals = func(context.Context) (*meta.Totals, error) { return &meta.Totals{Due: due}, nil }
		if text := scrape(New().Handler(c)); !strings.Contains(text, "\nuploadd_janitor_lag_seconds 0\n") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// What cannot be told is left out, and the scrape does not fail.
func TestWhatCannotBeTold(t *testing.T) {
	c := config()
	c.Totals = func(context.Context) (*meta.Totals, error) { return nil, errAway }
	c.Ready = func(context.Context) error { return errAway }
	c.Space = func() (blob.Space, error) { return blob.Space{}, errAway }
	text := scrape(New().Handler(c))
	has(t, text, "uploadd_ready 0", "uploadd_totals_errors_total 1", "uploadd_commit_errors_total 0")
	lacks(t, text, "uploadd_stored_bytes", "uploadd_bin_keys", "uploadd_janitor_lag_seconds", "uploadd_disk_free_bytes")
	c = config() // where blobs are in a bucket
	text = scrape(New().Handler(c))
	has(t, text, "uploadd_stored_bytes 0")
	lacks(t, text, "uploadd_disk")
}

// Looks at the records take a twentieth of the time at most, however long one takes and
// however often somebody scrapes; one that takes too long is given up, and not by a
// deadline.
func TestLooksAreRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config()
		var looks atomic.Int64
		takes := 100 * time.Millisecond
		c.Totals = func(ctx context.Context) (*meta.Totals, error) {
			looks.Add(1)
			select {
			case <-time.After(takes):
				return &meta.Totals{Files: looks.Load()}, nil
			case <-ctx.Done():
				if ctx.Err() != context.Canceled {
					t.Errorf("the look ends with %v", ctx.Err())
				}
				return nil, ctx.Err()
			}
		}
		h := New().Handler(c)
		for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
			has(t, scrape(h), fmt.Sprintf("uploadd_files %d", looks.Load()))
		}
		if n := looks.Load(); n != 5 {
			t.Errorf("%d looks of 100 ms in 10 seconds", n)
		}
		takes = time.Minute
		time.Sleep(time.Minute)
		began := time.Now()
		text := scrape(h)
		if took := time.Since(began); took != lookTime {
			t.Errorf("a look that is given up took %s", took)
		}
		has(t, text, "uploadd_totals_errors_total 1")
		lacks(t, text, "uploadd_files")
	})
}

// A request is counted under its few words, with what it moved and how it ended.
func TestRequests(t *testing.T) {
	m := New()
	h := m.Handler(config())
	var ends []func(server.Outcome)
	for range 6 {
		_, end := m.Request(httptest.NewRequest("GET", "/", nil))
		ends = append(ends, end)
	}
	has(t, scrape(h), "uploadd_http_requests_in_flight 6")
	gone := fmt.Errorf("opening: %w", fs.ErrNotExist)
	for i, o := range []server.Outcome{
		{Route: "/files", Method: "POST", Status: 200, In: 10, Out: 3, Took: 2 * time.Millisecond},
		{Route: "/files/{id}", Method: "GET", Status: 404, Err: api.Errorf(api.ErrNotFound, "", "No such File.").Because(gone)},
		{Route: "/files/{id}/content", Method: "GET", Status: 200, Out: 5, Err: fmt.Errorf("part: %w", uploads.ErrCorrupt), BrokenOff: true},
		{Route: "/files/{id}/content", Method: "GET", Status: 500, Err: gone},
		{Route: "/files/{id}/content", Method: "GET", Status: 200, BrokenOff: true},
	} {
		ends[i](o)
	}
	has(t, scrape(h), "uploadd_http_requests_in_flight 1",
		`uploadd_http_requests_total{code="200",method="POST",route="/files"} 1`,
		`uploadd_http_requests_total{code="404",method="GET",route="/files/{id}"} 1`,
		`uploadd_http_request_duration_seconds_bucket{method="POST",route="/files",le="0.001"} 0`,
		`uploadd_http_request_duration_seconds_bucket{method="POST",route="/files",le="0.0025"} 1`,
		`uploadd_http_request_duration_seconds_sum{method="POST",route="/files"} 0.002`,
		`uploadd_http_received_bytes_total{route="/files"} 10`,
		`uploadd_http_sent_bytes_total{route="/files"} 3`,
		`uploadd_http_broken_off_total{route="/files"} 0`,
		`uploadd_http_broken_off_total{route="/files/{id}/content"} 2`,
		"uploadd_damage_found_total 2")
}

// Calls of the stores, their commits and flushes are counted, with what failed through no
// fault of the client; what is to be counted is there before it fails.
func TestStores(t *testing.T) {
	m := New()
	h := m.Handler(config())
	_, put := m.Call(t.Context(), observe.StoreBlobs, "put")
	has(t, scrape(h), "uploadd_parts_in_flight 1", `uploadd_store_errors_total{op="put",store="blobs"} 0`)
	put(api.Errorf(api.ErrInvalid, "", "The body breaks off."))
	for _, err := range []error{nil, uploads.ErrConflict, uploads.ErrUnavailable} {
		_, end := m.Call(t.Context(), observe.StoreMeta, "complete")
		end(err)
	}
	_, read := m.Call(t.Context(), observe.StoreBlobs, "read")
	read(errAway)
	m.Committed(t.Context(), meta.Commit{Steps: 3, Took: 2 * time.Millisecond})
	m.Committed(t.Context(), meta.Commit{Steps: 9, Took: 2 * time.Millisecond, Err: errAway})
	m.Flushed(t.Context(), 2*time.Millisecond, nil)
	m.Flushed(t.Context(), 2*time.Millisecond, errAway)
	text := scrape(h)
	has(t, text, "uploadd_parts_in_flight 0",
		`uploadd_store_errors_total{op="put",store="blobs"} 0`, `uploadd_store_errors_total{op="read",store="blobs"} 1`,
		`uploadd_store_errors_total{op="complete",store="meta"} 1`, `uploadd_store_duration_seconds_count{op="complete",store="meta"} 3`,
		`uploadd_store_duration_seconds_count{op="put",store="blobs"} 1`,
		"uploadd_commit_duration_seconds_count 2", "uploadd_commit_steps_total 3", "uploadd_commit_errors_total 1",
		"uploadd_flush_duration_seconds_sum 0.004", "uploadd_flush_errors_total 1")
	lacks(t, text, `uploadd_store_duration_seconds_count{op="read"`)
}
