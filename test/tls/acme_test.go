package tls

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"uploadd/client"
	"uploadd/internal/certs/certstest"
	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// authority is a running Pebble, the ACME server that Let's Encrypt tests clients
// with, and a name server that has every name on one address.
type authority struct {
	address   string
	directory string // URL
	ca        *certstest.Authority
	trust     string // file with ca's certificate
	http      *http.Client
	kill      func()
}

const (
	portTLS  = "5001" // where the authority looks for the names' server
	portACME = "14000"
	portRoot = "15000"
	portDNS  = "8053"
)

// startAuthority runs one at an address, whose certificates live for so long.
func startAuthority(t *testing.T, address string, life time.Duration) *authority {
	t.Helper()
	a := &authority{address: address, ca: certstest.New(t)}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM, keyPEM := a.ca.Issue(t, 24*time.Hour, a.address)
	certstest.Write(t, cert, certPEM)
	certstest.Write(t, key, keyPEM)
	a.trust = filepath.Join(dir, "ca.pem")
	certstest.Write(t, a.trust, a.ca.PEM)
	a.directory = "https://" + a.address + ":" + portACME + "/dir"
	a.http = certstest.Client(t, a.ca.Pool(), "", true)
	config := uploadstest.Must(json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": a.address + ":" + portACME, "managementListenAddress": a.address + ":" + portRoot,
		"certificate": cert, "privateKey": key, "tlsPort": 5001, "httpPort": 1, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]any{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "the only one", "validityPeriod": int(life.Seconds())}},
	}}))(t)
	file := filepath.Join(dir, "pebble.json")
	certstest.Write(t, file, config)

	tools := filepath.Join(dir, "bin") + "/"
	build := exec.Command("go", "build", "-modfile=tools.mod", "-o", tools,
		"github.com/letsencrypt/pebble/v2/cmd/pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building Pebble: %v\n%s", err, out)
	}
	background(t, tools+"pebble-challtestsrv", "-dnsserver", a.address+":"+portDNS, "-management", a.address+":8055",
		"-defaultIPv4", a.address, "-defaultIPv6", "", "-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "")
	a.kill = background(t, tools+"pebble", "-config", file, "-dnsserver", a.address+":"+portDNS)
	await(t, "Pebble", func() bool {
		resp, err := a.http.Get(a.directory)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return a
}

// background runs a command until kill is called, or the test ends.
func background(t *testing.T, path string, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(func() {
		if kill(); t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), &out)
		}
	})
	return kill
}

// pool trusts the certificates that the authority gives.
func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	resp, err := a.http.Get("https://" + a.address + ":" + portRoot + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	pool := x509.NewCertPool()
	if root := uploadstest.Must(io.ReadAll(resp.Body))(t); !pool.AppendCertsFromPEM(root) {
		t.Fatalf("no certificate: %.200s", root)
	}
	return pool
}

// serve runs uploadd with certificates of a.
func (a *authority) serve(t *testing.T, data string) *program.Server {
	t.Helper()
	return program.Start(t, program.Options{
		Data: data,
		Env:  []string{"SSL_CERT_FILE=" + a.trust},
		Flags: []string{"--listen", a.address + ":" + portTLS, "--acme-domain", name + "," + otherName,
			"--acme-email", "admin@example.com", "--acme-directory", a.directory},
	})
}

const name, otherName = "files.example.com", "other.example.com"

// A certificate is ordered from an ACME server, proved, used, and kept over a
// restart; what is kept is for the owner's eyes.
func TestACME(t *testing.T) {
	t.Parallel()
	a := startAuthority(t, own(ofACME), 90*24*time.Hour)
	pool := a.pool(t)
	s := a.serve(t, t.TempDir())
	s.Client = uploadstest.Must(client.New(client.Config{BaseURL: s.URL + "/v1", HTTP: certstest.Client(t, pool, name, true)}))(t)
	data := []byte("sent by way of a certificate that was not there a second ago")
	file := upload(t, s, bytes.NewReader(data), int64(len(data))) // waits for the certificate
	if got := uploadstest.Read(t, s, file); !bytes.Equal(got, data) {
		t.Errorf("read %q", got)
	}
	if _, _, err := shown(t, s.URL, pool, otherName); err != nil {
		t.Errorf("the second name: %v", err)
	}
	if _, _, err := shown(t, s.URL, pool, "strange.example.com"); err == nil {
		t.Error("there is a certificate for a name that was not configured")
	}
	kept := a.kept(t, s.Data)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	a.kill() // nobody could give a new one
	s = a.serve(t, s.Data)
	if serial, _, err := shown(t, s.URL, pool, name); err != nil || serial != kept {
		t.Errorf("after a restart: %s, %v, want the certificate that was kept, %s", serial, err, kept)
	}
}

// A server whose authority is out of reach says so, and lives.
func TestNoAuthority(t *testing.T) {
	t.Parallel()
	stderr := uploadstest.Must(os.Create(filepath.Join(t.TempDir(), "stderr")))(t)
	defer stderr.Close()
	s := program.Start(t, program.Options{Stderr: stderr, Flags: []string{"--acme-domain", name, "--acme-directory", "https://127.0.0.1:1/dir"}})
	await(t, "a word of a missing certificate", func() bool {
		return bytes.Contains(uploadstest.Must(os.ReadFile(stderr.Name()))(t), []byte("there is no certificate"))
	})
	if _, _, err := shown(t, s.URL, nil, name); err == nil {
		t.Error("there is a certificate")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// A certificate is replaced before it ends, with no restart.
func TestRenewal(t *testing.T) {
	t.Parallel()
	a := startAuthority(t, own(ofRenewal), 15*time.Second)
	pool := a.pool(t)
	s := a.serve(t, t.TempDir())
	serial, _, err := shown(t, s.URL, pool, name)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "a renewed certificate", func() bool {
		now, conn, err := shown(t, s.URL, pool, name)
		if err == nil {
			conn.Close()
		}
		return err == nil && now != serial
	})
}

// kept returns the serial number of the certificate for name in the data
// directory, and makes sure that strangers can read none of them.
func (a *authority) kept(t *testing.T, data string) string {
	t.Helper()
	dir := filepath.Join(data, "acme")
	var seen int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s has mode %s", path, info.Mode())
		}
		seen++
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a challenge's answer, gone since
		t.Error(err)
	}
	if seen < 4 { // the directory, the account's key, two certificates
		t.Errorf("%d entries in %s", seen, dir)
	}
	key, rest := pem.Decode(uploadstest.Must(os.ReadFile(filepath.Join(dir, name)))(t))
	leaf, _ := pem.Decode(rest)
	if key == nil || leaf == nil {
		t.Fatalf("no key and certificate for %s", name)
	}
	return uploadstest.Must(x509.ParseCertificate(leaf.Bytes))(t).SerialNumber.String()
}
