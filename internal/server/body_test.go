package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"uploadd/api"
)

// A body that keeps its connection alive with a byte now and then is cut off.
func TestSlowBody(t *testing.T) {
	for n, want := range map[int64]error{rateFloor - 1: api.ErrTimeout, rateFloor: nil} {
		b := &body{
			ReadCloser: io.NopCloser(strings.NewReader("x")),
			control:    http.NewResponseController(httptest.NewRecorder()),
			peer:       new(peer),
			begun:      true,
			n:          n,
			window:     time.Now().Add(-ratePeriod - time.Second),
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, want) {
			t.Errorf("%d bytes in a period: %v, want %v", n, err, want)
		}
	}
}
