package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// soonOver is how long before its end a certificate should have been renewed.
const soonOver = 14 * 24 * time.Hour

func (e *exam) network(ctx context.Context) {
	if e.Listen != "" {
		e.try(ctx, "listen.address", func(ctx context.Context) found { return e.address(ctx) })
	}
	if e.TLSCert != "" {
		e.try(ctx, "tls.certificate", func(context.Context) found { return certificate(e.TLSCert, e.TLSKey) })
	}
}

// address tries to listen, and asks who does if somebody else has the port.
func (e *exam) address(ctx context.Context) found {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.Listen)
	switch {
	case err == nil:
		return fineUnless(l.Close(), "%s is free", e.Listen)
	case errors.Is(err, syscall.EADDRINUSE):
		if isUploadd(ctx, e.Listen, e.TLSCert != "") {
			return fine("a server of uploadd answers at %s", e.Listen)
		}
		return fault("end the program that has the port, or choose another by --listen", "%s is in use by another program", e.Listen)
	case errors.Is(err, syscall.EACCES):
		return fault("choose a port from 1024 on, or allow it: AmbientCapabilities=CAP_NET_BIND_SERVICE of systemd", "%v", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fault("name an address of this machine by --listen, or 0.0.0.0 for all", "%v", err)
	}
	return fault("write it like 127.0.0.1:8080", "%v", err)
}

func fineUnless(err error, format string, args ...any) found {
	if err != nil {
		return fault("look at the machine", "%v", err)
	}
	return fine(format, args...)
}

// isUploadd asks whoever listens whether it is one of ours.
func isUploadd(ctx context.Context, address string, secure bool) bool {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/openapi.json", nil)
	if err != nil {
		return false
	}
	// Whatever certificate it shows: who it is decides nothing but the text of a row.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- as above
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	head, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(head), "uploadd")
}

func certificate(certFile, keyFile string) found {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fault("name the certificate with its chain by --tls-cert and its key by --tls-key, both in PEM (docs/tls.md)", "%v", err)
	}
	const renew = "renew it: the server takes the new files by itself"
	leaf, now := pair.Leaf, time.Now()
	names := strings.Join(leaf.DNSNames, ", ")
	if names == "" {
		names = leaf.Subject.CommonName
	}
	until := leaf.NotAfter.UTC().Format(time.DateOnly)
	switch info, err := os.Stat(keyFile); {
	case now.After(leaf.NotAfter):
		return fault(renew, "the certificate of %s ended on %s: clients refuse it", names, until)
	case now.Before(leaf.NotBefore):
		return fault("set the clock right, or wait", "the certificate of %s begins on %s", names, leaf.NotBefore.UTC().Format(time.DateOnly))
	case err == nil && info.Mode().Perm()&0o004 != 0:
		return doubt("chmod o-r "+keyFile+", and replace the key if strangers have been here", "everybody on this machine can read the key (%s)", info.Mode().Perm())
	case leaf.NotAfter.Sub(now) < soonOver:
		return doubt(renew, "the certificate of %s ends on %s", names, until)
	}
	return fine("the certificate of %s is valid until %s", names, until)
}
