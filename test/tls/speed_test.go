package tls

import (
	"bytes"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/certs/certstest"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

var (
	parts = flag.Int("parts", 1, "how many parts of 64 MiB are sent each way to measure")
	away  = flag.Duration("away", 0, "how long a byte takes to the server and back, when that is measured")
)

// What TLS and HTTP/2 cost, for docs/tls.md: nothing is asserted of it here.
func TestSpeed(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	data := bytes.NewReader(make([]byte, 64<<20))
	for _, way := range []struct {
		name  string
		flags []string
		http  *http.Client
	}{
		{"HTTP/1.1", nil, nil},
		{"HTTP/1.1 with TLS", []string{"--tls-cert", cert, "--tls-key", key}, certstest.Client(t, ca.Pool(), "", false)},
		{"HTTP/2", []string{"--tls-cert", cert, "--tls-key", key}, certstest.Client(t, ca.Pool(), "", true)},
	} {
		s := program.Start(t, program.Options{Flags: way.flags})
		s.Client = uploadstest.Must(client.New(client.Config{BaseURL: far(t, s.URL, *away/2) + "/v1", HTTP: way.http}))(t)
		u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: int64(*parts) * data.Size(), MimeType: "text/plain"}))(t)
		var ids []string
		began := time.Now()
		for range *parts {
			data.Seek(0, io.SeekStart)
			ids = append(ids, uploadstest.Must(s.AddPart(t.Context(), u.ID, data))(t).ID)
		}
		sent := time.Since(began)
		file := uploadstest.Must(s.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: ids}))(t).File.ID
		began = time.Now()
		content := uploadstest.Must(s.OpenFile(t.Context(), file))(t)
		n, err := io.Copy(io.Discard, content)
		took := time.Since(began)
		if content.Close(); err != nil || n != int64(*parts)*data.Size() {
			t.Fatalf("%s: read %d bytes, %v", way.name, n, err)
		}
		rate := func(d time.Duration) float64 { return float64(n) / (1 << 20) / d.Seconds() }
		t.Logf("%s: %.0f MiB/s in, %.0f MiB/s out", way.name, rate(sent), rate(took))
	}
}

// far is the server's URL by way of somebody who passes everything on later.
func far(t *testing.T, serverURL string, later time.Duration) string {
	t.Helper()
	u := uploadstest.Must(url.Parse(serverURL))(t)
	if later == 0 {
		return serverURL
	}
	listener := uploadstest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { listener.Close() })
	server := u.Host
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			distant, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				return
			}
			go pass(near, distant, later)
			go pass(distant, near, later)
		}
	}()
	u.Host = listener.Addr().String()
	return u.String()
}

// pass sends on what came in a while ago.
func pass(to, from net.Conn, later time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	under := make(chan piece, 1<<14) // on its way
	go func() {
		defer close(under)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if under <- (piece{time.Now().Add(later), buf[:n]}); err != nil {
				return
			}
		}
	}()
	defer to.Close()
	for p := range under {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			from.Close()
		}
	}
}
