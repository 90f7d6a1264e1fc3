package certs

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/internal/certs/certstest"
)

// logged opens files with a log that can be read.
func logged(t *testing.T, cert, key string) (*Files, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	f, err := OpenFiles(cert, key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return f, log
}

// A pair that is being replaced, or is damaged, never takes the place of one that
// works; once it is whole, it does.
func TestFilesAreFollowed(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Files(t, t.TempDir())
	f, log := logged(t, cert, key)
	inUse := func() string { return f.current.Load().Leaf.SerialNumber.String() }

	step := func(change string, want string, complaints int, do func()) {
		t.Helper()
		log.Reset()
		do()
		f.look()
		f.look() // says nothing twice
		if inUse() != want {
			t.Errorf("%s: the certificate in use is %s, want %s", change, inUse(), want)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != complaints {
			t.Errorf("%s: %d complaints, want %d:\n%s", change, n, complaints, log)
		}
	}
	first := inUse()
	newCert, newKey := ca.Issue(t, time.Hour, "127.0.0.1")
	pair, err := tls.X509KeyPair(newCert, newKey)
	if err != nil {
		t.Fatal(err)
	}
	second := pair.Leaf.SerialNumber.String()

	step("nothing", first, 0, func() {})
	step("half a certificate", first, 1, func() { certstest.Write(t, cert, newCert[:len(newCert)/2]) })
	step("an empty file", first, 1, func() { certstest.Write(t, cert, nil) })
	step("the new certificate with the old key", first, 1, func() { certstest.Write(t, cert, newCert) })
	step("half a key", first, 1, func() { certstest.Write(t, key, newKey[:len(newKey)/2]) })
	step("the key is missing", first, 1, func() { os.Remove(key) })
	step("both are whole", second, 0, func() { certstest.Write(t, key, newKey) })
	step("the certificate is missing", second, 1, func() { os.Remove(cert) })
	step("it is back", second, 0, func() { certstest.Write(t, cert, newCert) })
}

// What its owner puts there is shown, but not without a word.
func TestExpiredCertificate(t *testing.T) {
	dir := t.TempDir()
	certPEM, keyPEM := certstest.New(t).Issue(t, -time.Hour, "127.0.0.1")
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certstest.Write(t, cert, certPEM)
	certstest.Write(t, key, keyPEM)
	if _, log := logged(t, cert, key); strings.Count(log.String(), "valid at another time") != 1 {
		t.Errorf("the log says\n%s", log)
	}
}

// Kubernetes and certbot replace a link, and nothing that a link's target has.
func TestLinksAreFollowed(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	for _, version := range []string{"1", "2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		ca.Files(t, filepath.Join(dir, version))
	}
	link := filepath.Join(dir, "current")
	point := func(version string) {
		t.Helper()
		if err := os.Symlink(version, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	point("1")
	f, _ := logged(t, filepath.Join(link, "cert.pem"), filepath.Join(link, "key.pem"))
	before := f.current.Load()
	point("2")
	f.look()
	if f.current.Load() == before {
		t.Error("the certificate behind the link was not taken over")
	}
}

func TestReadableKey(t *testing.T) {
	cert, key := certstest.New(t).Files(t, t.TempDir())
	for mode, complaints := range map[os.FileMode]int{0o600: 0, 0o640: 0, 0o644: 1, 0o604: 1} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if _, log := logged(t, cert, key); strings.Count(log.String(), "chmod o-r") != complaints {
			t.Errorf("mode %s: want %d complaints, the log says\n%s", mode, complaints, log)
		}
	}
}

func TestUnusableFiles(t *testing.T) {
	ca, dir := certstest.New(t), t.TempDir()
	cert, key := ca.Files(t, dir)
	_, otherKey := ca.Issue(t, time.Hour, "127.0.0.1")
	other, text := filepath.Join(dir, "other.pem"), filepath.Join(dir, "text")
	certstest.Write(t, other, otherKey)
	certstest.Write(t, text, []byte("no PEM"))
	for _, tt := range []struct{ cert, key, want string }{
		{filepath.Join(dir, "none"), key, "no such file"},
		{cert, filepath.Join(dir, "none"), "the certificate's key: open"},
		{cert, other, "does not match"},
		{text, key, "failed to find any PEM data"},
		{key, cert, "may have been switched"},
	} {
		if _, err := OpenFiles(tt.cert, tt.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("OpenFiles(%q, %q): %v, want %q", tt.cert, tt.key, err, tt.want)
		}
	}
}

// What a client can agree on with the listener.
func TestHandshake(t *testing.T) {
	cert, key := certstest.New(t).Files(t, t.TempDir())
	f, _ := logged(t, cert, key)
	for _, tt := range []struct {
		most  uint16
		offer []string
		want  string
	}{
		{tls.VersionTLS13, []string{"h2", "http/1.1"}, "h2"},
		{tls.VersionTLS12, []string{"http/1.1"}, "http/1.1"},
		{tls.VersionTLS13, nil, ""},
		{tls.VersionTLS11, []string{"http/1.1"}, "refused"},
		{tls.VersionTLS13, []string{"spdy/3"}, "refused"},
	} {
		here, there := net.Pipe()
		server := tls.Server(there, f.TLS())
		go func() {
			server.Handshake()
			server.Close()
		}()
		client := tls.Client(here, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tt.most, NextProtos: tt.offer})
		got := "refused"
		if client.Handshake() == nil {
			got = client.ConnectionState().NegotiatedProtocol
		}
		here.Close()
		if got != tt.want {
			t.Errorf("at most version %x, offering %q: %q, want %q", tt.most, tt.offer, got, tt.want)
		}
	}
}
