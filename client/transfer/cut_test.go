package transfer

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/openaifake"
	"uploadd/internal/uploads/uploadstest"
)

var cutEvery = flag.Int("cut-every", 0, "cut the connection at every so many bytes; 0 is some hundred places")

// cutter stands between a client and a server. It forwards bytes, and cuts a
// connection behind a number of them.
type cutter struct {
	listener net.Listener
	server   string

	mu      sync.Mutex
	answers bool  // those are counted; else the requests
	at      int64 // where to cut; -1 nowhere any more
	passed  int64 // since the last call of aim
}

func newCutter(t testing.TB, server string) *cutter {
	t.Helper()
	u := uploadstest.Must(url.Parse(server))(t)
	c := &cutter{listener: uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t), server: u.Host, at: -1}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := c.listener.Accept()
			if err != nil {
				return // the listener is closed
			}
			open.Go(func() { c.forward(client) })
		}
	})
	t.Cleanup(func() {
		c.listener.Close()
		open.Wait()
	})
	return c
}

func (c *cutter) url() string { return "http://" + c.listener.Addr().String() }

// aim starts counting anew; -1 only counts.
func (c *cutter) aim(answers bool, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers, c.at, c.passed = answers, at, 0
}

func (c *cutter) counted() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

// forward joins a connection to one to the server.
func (c *cutter) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	go func() { c.copy(server, client, false); done <- struct{}{} }()
	go func() { c.copy(client, server, true); done <- struct{}{} }()
	<-done // one direction over, or cut: both are
	client.Close()
	server.Close()
	<-done
}

func (c *cutter) copy(to, from net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		n, cut := c.let(answers, n)
		if _, err := to.Write(buf[:n]); err != nil || cut {
			return
		}
	}
}

// let says how many of n bytes may pass, and whether that was all.
func (c *cutter) let(answers bool, n int) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answers != c.answers {
		return n, false
	}
	if c.at >= 0 && c.passed+int64(n) > c.at {
		n = int(c.at - c.passed)
		c.passed, c.at = c.at, -1
		return n, true
	}
	c.passed += int64(n)
	return n, false
}

// The connection is cut once during the sending of a file, behind each byte in
// turn of what goes to and fro: every answer, every header, every Part. The file
// arrives whole and once; of OpenAI, which does not tell checksums, a file that
// went by one request may be there without anybody knowing.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	const size = 2500
	for _, tt := range []struct {
		name    string
		part    int64
		answers bool
		unknown bool // is one of the outcomes
	}{
		{"the answers of an Upload", 1000, true, false},
		{"the requests of an Upload", 1000, false, false},
		{"the answer to one request", size, true, true},
		{"the one request", size, false, true},
	} {
		for _, server := range []string{"uploadd", "openai"} {
			t.Run(tt.name+"/"+server, func(t *testing.T) {
				t.Parallel()
				var addr string
				if server == "uploadd" {
					addr = uploadd(t)
				} else {
					addr = openaifake.New(t, testKey).URL
				}
				c := newCutter(t, addr)
				u := newUploader(t, c.url())
				u.PartSize, u.Patience = tt.part, time.Minute
				defer u.Client.CloseIdle()
				check := &cutCheck{u: u, direct: newClient(t, addr), data: uploadstest.Random(1, size)}
				c.aim(tt.answers, -1)
				check.send(t, "whole")
				total := c.counted()
				every := int64(*cutEvery)
				if every == 0 {
					every = total/places + 1
				}
				sent := 0
				for at := int64(0); at < total; at += every {
					c.aim(tt.answers, at)
					check.send(t, "cut")
					sent++
				}
				t.Logf("%d of %d places: %d with an unknown outcome", sent, total, check.unknown)
				if check.unknown > 0 && (!tt.unknown || server == "uploadd") {
					t.Error("the outcome could have been found out")
				}
			})
		}
	}
}

// places is how many cuts of each kind are made unless a flag says otherwise.
const places = 30

type cutCheck struct {
	u       *Uploader
	direct  api.API // past the cutter
	data    []byte
	unknown int
}

// send sends the data and holds what the call returned against what is there.
func (c *cutCheck) send(t *testing.T, name string) {
	t.Helper()
	// Fine-tuning data, which OpenAI gives back.
	f, err := c.u.Upload(t.Context(), Source{ReaderAt: bytes.NewReader(c.data), Size: int64(len(c.data))},
		Request{Filename: name, Purpose: "fine-tune"})
	there := uploadstest.Must(c.direct.ListFiles(t.Context(), api.ListQuery{}))(t).Data
	switch {
	case err == nil && (len(there) != 1 || there[0].ID != f.ID):
		t.Errorf("%s was sent, and there are %d Files", f.ID, len(there))
	case errors.Is(err, ErrUnknownOutcome) && len(there) < 2:
		c.unknown++
	case err != nil:
		t.Errorf("%v; there are %d Files", err, len(there))
	}
	for _, f := range there {
		content := uploadstest.Must(c.direct.OpenFile(t.Context(), f.ID))(t)
		got, err := io.ReadAll(content)
		content.Close()
		if err != nil || !bytes.Equal(got, c.data) {
			t.Errorf("%s has %d other bytes than were sent, %v", f.ID, len(got), err)
		}
		uploadstest.Must(c.direct.DeleteFile(t.Context(), f.ID))(t)
	}
}
