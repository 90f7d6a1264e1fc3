package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
)

// listing answers lists, and nothing else, when it is let.
type listing struct {
	api.API
	let <-chan struct{} // nil: at once
}

func (l listing) ListFiles(ctx context.Context, _ api.ListQuery) (*api.List[api.File], error) {
	if l.let != nil {
		select {
		case <-l.let:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &api.List[api.File]{Object: "list"}, nil
}

// rightKeys lets "right" and "another" in, each a project, and "patient", which
// waits to be let.
func rightKeys(let <-chan struct{}) func(context.Context, Credentials) (Caller, error) {
	return func(_ context.Context, c Credentials) (Caller, error) {
		switch caller := (Caller{API: listing{}, Project: c.Key, Key: c.Key}); c.Key {
		case "right", "another":
			return caller, nil
		case "patient":
			caller.API = listing{let: let}
			return caller, nil
		}
		return Caller{}, api.ErrUnauthorized
	}
}

// crowdedServer has room for most connections.
func crowdedServer(t *testing.T, most int, let <-chan struct{}) (address string, c *conns) {
	t.Helper()
	h := New(Config{Authenticate: rightKeys(let)})
	c = newConns(most, slog.New(slog.DiscardHandler))
	s := httptest.NewUnstartedServer(nil)
	s.Config = newHTTPServer(h, c)
	s.Listener = Refusing(s.Listener)
	s.Start()
	t.Cleanup(func() {
		s.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n, strangers, active := len(c.open), c.strangers.Load(), c.active.Load(); n != 0 || strangers != 0 || active != 0 {
			t.Errorf("once all is over %d connections, %d strangers and %d active ones are counted", n, strangers, active)
		}
	})
	return s.Listener.Addr().String(), c
}

// dial opens a connection and sends the beginning of something.
func dial(t *testing.T, address, beginning string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, beginning); err != nil {
		t.Fatal(err)
	}
	return conn
}

// isOpen says whether the server keeps a connection, on which it sends nothing.
func isOpen(t *testing.T, conn net.Conn) bool {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1))
	return os.IsTimeout(err)
}

// ask sends a request with the right key and wants 200.
func ask(t *testing.T, conn net.Conn, key string) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", key)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("asking: %v", err)
		return
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("asking: status %d, %v", resp.StatusCode, err)
	}
}

// However many strangers come, those that are known stay, and those that say at
// once who they are get in.
func TestStrangersMakeRoom(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	address, c := crowdedServer(t, 64, let)
	known := dial(t, address, "")
	ask(t, known, "right")
	var waiting sync.WaitGroup
	served := dial(t, address, "")
	waiting.Go(func() { ask(t, served, "patient") })
	for end := time.Now().Add(10 * time.Second); c.active.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a request with a right key has not begun")
		}
	}

	var strangers []net.Conn
	for n := range 500 {
		strangers = append(strangers, dial(t, address, [3]string{
			"", "GET /v1/files HTTP/1.1\r\nHo", "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"}[n%3]))
		if n%10 == 0 {
			ask(t, dial(t, address, ""), "right") // and stays connected, idle
			ask(t, known, "right")
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * pause) {
		dial(t, address, "") // which has the server look for room once more
		c.mu.Lock()
		open := len(c.open)
		c.mu.Unlock()
		if open <= 64 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d connections are open", open)
		}
	}
	if isOpen(t, strangers[0]) {
		t.Error("the first of 500 strangers is still there")
	}
	close(let)
	waiting.Wait() // for hours, as it might be
	ask(t, known, "right")
}

// Where too many requests wait for their clients, those make room of whose owner
// there are the most, the longest stalled first; what the server is at work on stays,
// and so does what somebody else has, however long it has stalled.
func TestStalledMakeRoom(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	const share = 16
	address, _ := crowdedServer(t, share*activeShare, let)
	head := "POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\nContent-Length: 60000\r\n\r\n"
	paused := dial(t, address, strings.Replace(head, "right", "another", 1)+"{")
	var waiting sync.WaitGroup
	for range 5 {
		served := dial(t, address, "")
		waiting.Go(func() { ask(t, served, "patient") })
	}
	time.Sleep(100 * time.Millisecond) // their handlers have been asked by then, as a rule
	var stalling []net.Conn
	for range share - 3 {
		stalling = append(stalling, dial(t, address, head+"{"))
		time.Sleep(10 * time.Millisecond)
	}
	moving := dial(t, address, head)
	io.WriteString(moving, strings.Repeat(" ", progress))
	time.Sleep(100 * time.Millisecond)
	for n, conn := range stalling {
		if !isOpen(t, conn) {
			t.Errorf("stalled request %d was cut off, and there was room", n)
		}
	}
	for range 3 { // one of which there is room for
		dial(t, address, head+"{")
		time.Sleep(20 * time.Millisecond)
	}
	for end := time.Now().Add(10 * time.Second); isOpen(t, stalling[0]); {
		if time.Now().After(end) {
			t.Fatal("no stalled request was cut off, and there was no room")
		}
	}
	cut := 0
	for _, conn := range stalling {
		if !isOpen(t, conn) {
			cut++
		}
	}
	if cut > 3 {
		t.Errorf("%d requests were cut off where one or two had to be", cut)
	}
	if !isOpen(t, paused) {
		t.Error("the one request of another key was cut off, and it has no others")
	}
	if !isOpen(t, moving) {
		t.Error("a request whose bytes move was cut off")
	}
	close(let)
	waiting.Wait()
}
