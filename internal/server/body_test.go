package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
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

// Only so many large bodies are held in memory at a time. One more is asked to come
// again, small ones are not in its way, and there is room once they are gone.
func TestLargeJSON(t *testing.T) {
	address, _ := crowdedServer(t, 4096, nil)
	head := "POST /v1/uploads/upload_0/complete HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
	large := `{"unknown":"` + strings.Repeat("x", 2*smallJSON) + `"}`
	answer := func(body string) (int, string) {
		conn := dial(t, address, fmt.Sprintf(head, len(body))+body)
		conn.SetDeadline(time.Now().Add(time.Minute))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	var held []net.Conn
	for range largeJSONs {
		held = append(held, dial(t, address, fmt.Sprintf(head, len(large))+large[:len(large)-1]))
	}
	for end := time.Now().Add(30 * time.Second); len(largeJSON) < largeJSONs; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d large bodies are counted", len(largeJSON))
		}
	}
	if status, again := answer(large); status != 503 || again != "1" {
		t.Errorf("one large body too many: status %d, Retry-After %q", status, again)
	}
	if status, _ := answer(`{"unknown":1}`); status != 400 {
		t.Errorf("a small body: status %d", status)
	}
	for _, conn := range held {
		io.WriteString(conn, "}")
	}
	if status, _ := answer(large); status != 400 {
		t.Errorf("a large body, once the others are gone: status %d", status)
	}
}
