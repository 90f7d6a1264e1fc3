// Package tls talks to the built program by HTTPS: with certificates from files
// that change, with those of a real ACME server, and by HTTP/2.
package tls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/internal/certs/certstest"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // these tests wait more than they work
	program.Main(m)
}

// patience is for what another process does in its own time.
const patience = 2 * time.Minute

// await asks until the answer is yes.
func await(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !yes(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// shown connects and returns the serial number of the certificate it is shown,
// and the connection.
func shown(t testing.TB, serverURL string, pool *x509.CertPool, name string) (serial string, conn *tls.Conn, err error) {
	t.Helper()
	u := uploadstest.Must(url.Parse(serverURL))(t)
	conn, err = tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", u.Host, &tls.Config{RootCAs: pool, ServerName: name, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return "", nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), conn, nil
}

// Whole lives of Uploads, by either version of HTTP.
func TestHTTPS(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%t", h2), func(t *testing.T) {
			s := program.Start(t, program.Options{Flags: []string{"--tls-cert", cert, "--tls-key", key}, HTTP: certstest.Client(t, ca.Pool(), "", h2)})
			if !strings.HasPrefix(s.URL, "https://") {
				t.Errorf("it says that it listens on %s", s.URL)
			}
			file := upload(t, s, bytes.NewReader(data), int64(len(data)))
			if got := uploadstest.Read(t, s, file); !bytes.Equal(got, data) {
				t.Errorf("read %d other bytes", len(got))
			}
		})
	}
}

// Browsers are told to stay with HTTPS, by answers of every kind, but not about a
// name that stands for all of the machine.
func TestStrictTransport(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	const header = "Strict-Transport-Security"
	secure := program.Start(t, program.Options{Flags: []string{"--tls-cert", cert, "--tls-key", key}})
	plain := program.Start(t, program.Options{})
	for url, want := range map[string]string{
		secure.URL + "/healthz":  "max-age=31536000",
		secure.URL + "/v1/files": "max-age=31536000",
		secure.URL + "/nowhere":  "max-age=31536000",
		strings.Replace(secure.URL, "127.0.0.1", "localhost", 1) + "/healthz": "",
		plain.URL + "/healthz": "",
	} {
		resp, err := certstest.Client(t, ca.Pool(), "", false).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", url, header, got, want)
		}
	}
}

// A client that does not begin is let go.
func TestNoHandshake(t *testing.T) {
	t.Parallel()
	cert, key := certstest.New(t).Files(t, t.TempDir())
	s := program.Start(t, program.Options{Flags: []string{"--tls-cert", cert, "--tls-key", key}})
	conn := uploadstest.Must(net.Dial("tcp", strings.TrimPrefix(s.URL, "https://")))(t)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %s: %d bytes, %v", patience, n, err)
	}
}

// upload makes a File in one Part, and returns its id.
func upload(t testing.TB, s api.API, data *bytes.Reader, n int64) string {
	t.Helper()
	u := uploadstest.Must(s.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: n, MimeType: "text/plain"}))(t)
	part := uploadstest.Must(s.AddPart(t.Context(), u.ID, data))(t)
	done := uploadstest.Must(s.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{part.ID}}))(t)
	return done.File.ID
}

// A certificate is renewed below the running server: by writing the files anew, as
// most tools do, at their own pace; and with a signal.
func TestReload(t *testing.T) {
	t.Parallel()
	ca, dir := certstest.New(t), t.TempDir()
	cert, key := ca.Files(t, dir)
	stderr := uploadstest.Must(os.Create(filepath.Join(t.TempDir(), "stderr")))(t)
	defer stderr.Close()
	logged := func(text string) bool {
		return strings.Contains(string(uploadstest.Must(os.ReadFile(stderr.Name()))(t)), text)
	}
	s := program.Start(t, program.Options{Flags: []string{"--tls-cert", cert, "--tls-key", key}, Stderr: stderr})
	serial := func() string {
		t.Helper()
		serial, _, err := shown(t, s.URL, ca.Pool(), "")
		if err != nil {
			t.Fatal(err)
		}
		return serial
	}
	first, conn, err := shown(t, s.URL, ca.Pool(), "")
	if err != nil {
		t.Fatal(err)
	}

	ask := func() {
		t.Helper()
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("the first connection: %v", err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("the first connection: %s, %v", resp.Status, err)
		}
	}
	ask()

	certPEM, keyPEM := ca.Issue(t, time.Hour, "127.0.0.1")
	certstest.Write(t, cert, certPEM) // and the key has not come yet
	await(t, "a word of a pair that does not fit", func() bool { return logged("the certificate in use stays") })
	if got := serial(); got != first {
		t.Errorf("a pair that does not fit has replaced %s by %s", first, got)
	}
	certstest.Write(t, key, keyPEM)
	var second string
	await(t, "the new certificate", func() bool { second = serial(); return second != first })

	// The signal is for those who will not wait; it is no reason to end.
	ca.Files(t, dir)
	if err := s.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(t, "the certificate after a signal", func() bool { return serial() != second })

	ask() // a connection from before all of this goes on
}
