package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"uploadd/api"
)

// TestRetryHints: what a server says of trying again, however it says it.
func TestRetryHints(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		header map[string]string
		after  int
		should string
	}{
		{"nothing", nil, 0, ""},
		{"seconds", map[string]string{"Retry-After": "7"}, 7, ""},
		{"negative", map[string]string{"Retry-After": "-7"}, 0, ""},
		{"milliseconds first", map[string]string{"Retry-After": "7", "Retry-After-Ms": "1001"}, 2, ""},
		{"date", map[string]string{"Retry-After": now.Add(time.Minute).Format(http.TimeFormat), "Date": now.Format(http.TimeFormat)}, 60, ""},
		{"past", map[string]string{"Retry-After": now.Format(http.TimeFormat), "Date": now.Add(time.Hour).Format(http.TimeFormat)}, 0, ""},
		{"neither", map[string]string{"Retry-After": "soon"}, 0, ""},
		{"should", map[string]string{"X-Should-Retry": "false"}, 0, "false"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range tt.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(429)
		})
		_, err := c.GetFile(context.Background(), "file-1")
		var e *api.Error
		if !errors.As(err, &e) || e.RetryAfter != tt.after || e.ShouldRetry != tt.should {
			t.Errorf("%s: %+v", tt.name, err)
		}
	}
}
