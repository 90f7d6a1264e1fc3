package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/idna"
)

// Authority says whom to ask for certificates.
type Authority struct {
	Names     []string // that the certificates are for
	Email     string   // where the authority may write to; "" is nowhere
	Directory string   // the URL of its ACME directory
	Cache     string   // a directory that keeps keys and certificates, for the owner's eyes only
	Log       *slog.Logger
}

// ACME has certificates from an authority, one for each name. They are renewed
// when a third of their life is left, and no sooner than 30 days before its end.
//
// The authority is answered in the handshake (TLS-ALPN-01, RFC 8737): it connects
// to port 443 of each name, and that must end here.
type ACME struct {
	names   []string
	log     *slog.Logger
	manager *autocert.Manager
}

const (
	// checkPeriod is how often it is made sure that there are certificates.
	checkPeriod = time.Hour
	// A renewal begins with a third of a certificate's life left. With no more than
	// this part of it left, it has failed many times.
	late = 4
)

// NewACME opens the cache. It asks the authority for nothing yet. Using it means
// that the authority's terms of service are agreed to.
func NewACME(a Authority) (*ACME, error) {
	names := make([]string, len(a.Names))
	for i, name := range a.Names {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil || !strings.Contains(strings.Trim(ascii, "."), ".") || strings.HasSuffix(ascii, ".") {
			return nil, fmt.Errorf("%q is no name that an authority gives a certificate for: write it like files.example.com", name)
		}
		names[i] = ascii
	}
	cache, err := openCache(a.Cache)
	if err != nil {
		return nil, fmt.Errorf("the directory for certificates: %w", err)
	}
	return &ACME{names: names, log: a.Log, manager: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      cache,
		HostPolicy: autocert.HostWhitelist(names...),
		Client:     &acme.Client{DirectoryURL: a.Directory, UserAgent: "uploadd"},
		Email:      a.Email,
	}}, nil
}

// TLS is what a listener needs to show these certificates and to answer the
// authority.
func (a *ACME) TLS() *tls.Config { return config(a.manager.GetCertificate, acme.ALPNProto) }

// Watch asks for each certificate before a client has to wait for it, and reports
// now and every hour, until ctx ends, which are missing or late.
func (a *ACME) Watch(ctx context.Context) {
	tick := time.NewTicker(checkPeriod)
	defer tick.Stop()
	told := map[string]string{} // serial numbers, by name
	for {
		for _, name := range a.names {
			if ctx.Err() == nil {
				a.check(name, told)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check gets the certificate for name as a handshake would.
func (a *ACME) check(name string, told map[string]string) {
	cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName:       name,
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
	switch {
	case err != nil: // the reason that the authority gave is lost on the way, and this is the usual one
		a.log.Error("there is no certificate; the authority is asked again when a client comes, or in an hour: does port 443 of the name lead here?", "name", name, "err", err)
	case time.Until(cert.Leaf.NotAfter) < cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)/late:
		a.log.Error("a certificate should have been renewed by now: does port 443 of the name still lead here?", "name", name, "until", cert.Leaf.NotAfter)
	case told[name] != cert.Leaf.SerialNumber.String():
		told[name] = cert.Leaf.SerialNumber.String()
		a.log.Info("a certificate is in use", "name", name, "serial", cert.Leaf.SerialNumber.Text(16), "until", cert.Leaf.NotAfter)
	}
}
