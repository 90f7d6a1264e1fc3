// Package certs gives a server the certificate that it shows: one from files,
// which are read again when they change, or one from an ACME authority.
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// lookPeriod is how often the files are looked at.
const lookPeriod = 5 * time.Second

// Files is a certificate and its key, from two PEM files that somebody else
// replaces from time to time.
type Files struct {
	certPath, keyPath string
	log               *slog.Logger

	current atomic.Pointer[tls.Certificate]
	// What was read last, be it in use or not: only a change is tried.
	certPEM, keyPEM []byte
	unreadable      string // what reading failed with last, "" when it did not
}

// OpenFiles reads a certificate with its chain and the key that belongs to it,
// and fails when they cannot be used.
func OpenFiles(cert, key string, log *slog.Logger) (*Files, error) {
	f := &Files{certPath: cert, keyPath: key, log: log}
	if err := f.read(); err != nil {
		return nil, err
	}
	if err := f.use(); err != nil {
		return nil, err
	}
	return f, nil
}

// TLS is what a listener needs to show the certificate that is in use then.
func (f *Files) TLS() *tls.Config {
	return config(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current.Load(), nil })
}

// config is the part that both kinds of certificates share.
func config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), more ...string) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     append([]string{"h2", "http/1.1"}, more...),
		GetCertificate: get,
	}
}

// Watch takes over what the files hold whenever that changes, until ctx ends.
// It looks every five seconds, and at once when something comes in on now.
// Connections that are open keep the certificate they began with.
func (f *Files) Watch(ctx context.Context, now <-chan os.Signal) {
	tick := time.NewTicker(lookPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-now:
		}
		f.look()
	}
}

// look tries what the files hold, if that is new. Contents are compared, not
// times: these can be the same for a link that points elsewhere now. Whatever is
// wrong is logged once, and changes nothing.
func (f *Files) look() {
	certPEM, keyPEM := f.certPEM, f.keyPEM
	if err := f.read(); err != nil {
		if err.Error() != f.unreadable {
			f.log.Error("the certificate in use stays", "err", err)
		}
		f.unreadable = err.Error()
		return
	}
	f.unreadable = ""
	if bytes.Equal(f.certPEM, certPEM) && bytes.Equal(f.keyPEM, keyPEM) {
		return
	}
	if err := f.use(); err != nil {
		f.log.Error("the certificate in use stays", "err", err)
	}
}

// read reads both files, or leaves what was read before.
func (f *Files) read() error {
	certPEM, err := os.ReadFile(f.certPath)
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(f.keyPath)
	if err != nil {
		return fmt.Errorf("the certificate's key: %w", err)
	}
	f.certPEM, f.keyPEM = certPEM, keyPEM
	return nil
}

// use puts what was read into use if the two files belong together, which they do
// not while somebody is replacing them one after the other.
func (f *Files) use() error {
	pair, err := tls.X509KeyPair(f.certPEM, f.keyPEM)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", f.certPath, f.keyPath, err)
	}
	f.current.Store(&pair)
	leaf := pair.Leaf
	f.log.Info("a certificate is in use", "file", f.certPath, "names", leaf.DNSNames, "serial", leaf.SerialNumber.Text(16), "until", leaf.NotAfter)
	if now := time.Now(); now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		f.log.Error("clients refuse the certificate: it is valid at another time", "file", f.certPath, "from", leaf.NotBefore, "until", leaf.NotAfter)
	}
	f.warnReadable()
	return nil
}

// warnReadable says so when every user of the machine can take the key away.
func (f *Files) warnReadable() {
	info, err := os.Stat(f.keyPath)
	if err == nil && info.Mode().Perm()&0o004 != 0 {
		f.log.Error("everybody on this machine can read the certificate's key: chmod o-r it, and replace it if strangers have been here",
			"file", f.keyPath, "mode", info.Mode().Perm().String())
	}
}
