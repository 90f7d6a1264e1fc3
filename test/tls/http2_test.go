package tls

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"uploadd/api"
	"uploadd/internal/certs/certstest"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// impatient is a server whose every step may take 5 seconds instead of 60.
func impatient(t *testing.T, ca *certstest.Authority) *program.Server {
	t.Helper()
	cert, key := ca.Files(t, t.TempDir())
	return program.Start(t, program.Options{
		Path:  program.Mutant(t, "internal/server/exchange.go", "stepTimeout = 60 * time.Second", "stepTimeout = 5 * time.Second"),
		Flags: []string{"--tls-cert", cert, "--tls-key", key},
		HTTP:  certstest.Client(t, ca.Pool(), "", true),
	})
}

// On a connection that others share, a body that stops coming ends its own request
// and no other; one that keeps coming may take longer than any step.
func TestSlowBodiesByHTTP2(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t)
	s := impatient(t, ca)
	client := certstest.Client(t, ca.Pool(), "", true)
	id := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 1 << 20, MimeType: "text/plain"}))(t).ID
	send := func(body io.Reader) (status int, err error) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/v1/uploads/"+id+"/parts", body)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 {
			return 0, fmt.Errorf("answered by %s", resp.Proto)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	const head, tail = "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n", "\r\n--b--\r\n"
	type result struct {
		status int
		err    error
	}
	stalled, steady := make(chan result, 1), make(chan result, 1)
	stall, hold := io.Pipe()
	defer hold.Close()
	go func() {
		status, err := send(stall)
		stalled <- result{status, err}
	}()
	io.WriteString(hold, head+"abc")
	drip, feed := io.Pipe()
	go func() {
		status, err := send(drip)
		steady <- result{status, err}
	}()
	io.WriteString(feed, head)
	for range 8 { // eight steps of a second, where one may take five
		io.WriteString(feed, "abc")
		time.Sleep(time.Second)
	}
	io.WriteString(feed, tail)
	feed.Close()
	if r := <-steady; r.err != nil || r.status != http.StatusOK {
		t.Errorf("the body that kept coming: status %d, %v", r.status, r.err)
	}
	select {
	case r := <-stalled:
		if r.err != nil || r.status != http.StatusRequestTimeout {
			t.Errorf("the body that stopped: status %d, %v", r.status, r.err)
		}
	case <-time.After(patience):
		t.Error("the body that stopped is still waited for")
	}
	// All of that went over one connection, which is still good.
	var conn httptrace.GotConnInfo
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { conn = c }})
	resp, err := client.Do(uploadstest.Must(http.NewRequestWithContext(ctx, "GET", s.URL+"/healthz", nil))(t))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !conn.Reused {
		t.Error("the connection was not kept")
	}
}

// A client that does not take a download is let go, and its connection serves on.
// The frames are written by hand: every client there is takes what it is sent.
func TestUntakenDownloadByHTTP2(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t)
	s := impatient(t, ca)
	const size = 1 << 20 // which the window does not hold
	file := upload(t, s, bytes.NewReader(make([]byte, size)), size)
	c := dialFrames(t, s.URL, ca)
	c.get(1, "/v1/files/"+file+"/content")
	var got int
	for reset := false; !reset; {
		switch f := c.next().(type) {
		case *http2.RSTStreamFrame:
			reset = f.StreamID == 1
		case *http2.DataFrame:
			if got += len(f.Data()); f.StreamEnded() {
				t.Fatalf("the download ended with %d bytes", got)
			}
		}
	}
	if got == 0 || got == size {
		t.Errorf("%d bytes of %d came before the end", got, size)
	}
	c.get(3, "/healthz")
	for {
		if f, ok := c.next().(*http2.MetaHeadersFrame); ok && f.StreamID == 3 {
			if status := f.PseudoValue("status"); status != "200" {
				t.Errorf("the next request was answered with %s", status)
			}
			return
		}
	}
}

// The limits that ARCHITECTURE and docs/tls.md speak of are told to the client.
func TestSettings(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	s := program.Start(t, program.Options{Flags: []string{"--tls-cert", cert, "--tls-key", key}, HTTP: certstest.Client(t, ca.Pool(), "", true)})
	c := dialFrames(t, s.URL, ca)
	settings := c.settings
	for id, most := range map[http2.SettingID]uint32{
		http2.SettingMaxConcurrentStreams: 64,
		http2.SettingMaxFrameSize:         256 << 10,
		http2.SettingInitialWindowSize:    4 << 20,
		http2.SettingMaxHeaderListSize:    64 << 10,
	} {
		if v, ok := settings[id]; !ok || v > most {
			t.Errorf("%s is %d (given: %t), want at most %d", id, v, ok, most)
		}
	}
	// One stream more than that is refused, and the others are not.
	id := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 1 << 20, MimeType: "text/plain"}))(t).ID
	for i := range uint32(65) {
		c.open(2*i+1, "POST", "/v1/uploads/"+id+"/parts", false, "content-type", "multipart/form-data; boundary=b")
	}
	for {
		if f, ok := c.next().(*http2.RSTStreamFrame); ok {
			if f.StreamID != 129 || f.ErrCode != http2.ErrCodeRefusedStream && f.ErrCode != http2.ErrCodeProtocol {
				t.Errorf("stream %d was reset with %s", f.StreamID, f.ErrCode)
			}
			return
		}
	}
}

// frames is a connection of HTTP/2 in the raw.
type frames struct {
	*http2.Framer
	t        *testing.T
	host     string
	settings map[http2.SettingID]uint32
}

// dialFrames connects and exchanges settings. It opens no window beyond the 64 KiB
// that every connection has.
func dialFrames(t *testing.T, serverURL string, ca *certstest.Authority) *frames {
	t.Helper()
	u := uploadstest.Must(url.Parse(serverURL))(t)
	conn := uploadstest.Must(tls.Dial("tcp", u.Host, &tls.Config{RootCAs: ca.Pool(), NextProtos: []string{"h2"}}))(t)
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	c := &frames{Framer: http2.NewFramer(conn, conn), t: t, host: u.Host, settings: map[http2.SettingID]uint32{}}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err := io.WriteString(conn, http2.ClientPreface)
	if err = errors.Join(err, c.WriteSettings()); err != nil {
		t.Fatal(err)
	}
	first, ok := c.next().(*http2.SettingsFrame)
	if !ok {
		t.Fatal("the server did not begin with its settings")
	}
	first.ForeachSetting(func(s http2.Setting) error { c.settings[s.ID] = s.Val; return nil })
	if err := c.WriteSettingsAck(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *frames) get(stream uint32, path string) { c.open(stream, "GET", path, true) }

// open begins a request with more headers, given as names and values.
func (c *frames) open(stream uint32, method, path string, end bool, more ...string) {
	c.t.Helper()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	fields := append([]string{":method", method, ":scheme", "https", ":authority", c.host, ":path", path, "authorization", "Bearer any"}, more...)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: end, EndHeaders: true}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *frames) next() http2.Frame {
	c.t.Helper()
	f, err := c.ReadFrame()
	if err != nil {
		c.t.Fatalf("the connection broke: %v", err)
	}
	return f
}
