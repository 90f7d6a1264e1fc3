package uploads_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// What is on its way, and has not ended, is bounded by what the project may hold and a
// Part more, however many requests it is in; and it is let go of with them.
func TestFlights(t *testing.T) {
	w := newWorld(t)
	w.limit(uploads.Limits{Bytes: 1 << 20, Files: 1000, Uploads: 1000})
	u := w.create(1 << 20)
	piece := string(uploadstest.Random(1, 1<<20))
	const most = 1 + api.MaxPart>>20 // MiB
	refused := make(chan error, 2*most)
	var held []*heldReader
	for range most {
		h := &heldReader{Reader: strings.NewReader("x"), begun: make(chan struct{}), more: make(chan struct{})}
		held = append(held, h)
		go func() {
			_, err := w.api.AddPart(t.Context(), u.ID, io.MultiReader(strings.NewReader(piece[1:]), h))
			refused <- err
		}()
		<-h.begun // a byte less than a MiB has been read
	}
	_, err := w.api.AddPart(t.Context(), u.ID, strings.NewReader(piece))
	if e := uploadstest.WantError(t, err, api.ErrTooManyRequests, ""); e.RetryAfter == 0 {
		t.Error("no word of when to try again")
	}
	uploadstest.Must(w.svc.For("other").CreateFile(t.Context(), strings.NewReader(piece), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
	}))(t)
	for _, h := range held {
		close(h.more)
	}
	for range held {
		<-refused // for want of room, all but those that fit
	}
	if n := w.svc.InFlight(); n != 0 {
		t.Errorf("%d accounts have bytes in flight once all is over", n)
	}
	for range 2 { // the Upload ends, and its grace
		w.pass(time.Hour)
		w.clean()
	}
	w.holdsExactly("at the end")
}
