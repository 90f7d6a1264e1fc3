package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"uploadd/internal/blob"
	"uploadd/internal/certs"
)

// tlsFlags say where the certificate comes from. Without any, there is no TLS.
type tlsFlags struct {
	TLSCert       string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate and its chain, in PEM. Files are read again when they change."`
	TLSKey        string   `name:"tls-key" placeholder:"FILE" help:"The key of --tls-cert, in PEM."`
	ACMEDomain    []string `name:"acme-domain" placeholder:"NAME" help:"Serve HTTPS with certificates for these names from an ACME authority, whose terms you agree to. Port 443 of each name must lead here."`
	ACMEEmail     string   `name:"acme-email" placeholder:"ADDRESS" help:"Where the authority may write to."`
	ACMEDirectory string   `name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"The authority (${default})."`
}

// http2 bounds how many requests a connection may have at a time, and what it may
// send before a handler reads it: a connection that is as bad as can be costs some
// 4 MiB. That is also the most that is on its way at a time. At 50 ms to the server
// and back a part came in at 73 MiB/s, and with the usual 1 MiB at 19 MiB/s
// (`go test -run Speed -v ./test/tls -args -parts 4 -away 50ms`).
var http2 = &http.HTTP2Config{
	MaxConcurrentStreams:          64,
	MaxReadFrameSize:              256 << 10,
	MaxReceiveBufferPerConnection: 4<<20 - 1,
	MaxReceiveBufferPerStream:     4<<20 - 1,
	SendPingTimeout:               30 * time.Second, // a peer that is gone is noticed
	WriteByteTimeout:              time.Minute,      // and one that takes nothing
}

// validateTLS finds flags that make no sense together.
func (f tlsFlags) validateTLS() error {
	switch files, acme := f.TLSCert != "" || f.TLSKey != "", len(f.ACMEDomain) > 0; {
	case files && acme:
		return errors.New("--acme-domain and --tls-cert: a certificate comes from the authority or from files, so leave one of them out")
	case files && f.TLSKey == "":
		return errors.New("--tls-cert without --tls-key: name the file with the certificate's key too")
	case files && f.TLSCert == "":
		return errors.New("--tls-key without --tls-cert: name the file with the certificate too")
	case !acme && f.ACMEEmail != "":
		return errors.New("--acme-email without --acme-domain: name what the certificates are to be for too")
	}
	return nil
}

// listen opens the public port, with TLS if the flags ask for it, and looks after
// the certificates until ctx ends. dir is the data directory; scheme is that of
// the port's URL.
func (f tlsFlags) listen(ctx context.Context, address, dir string, log *slog.Logger) (listener net.Listener, scheme string, err error) {
	config, watch, err := f.certificates(dir, log)
	if err != nil {
		return nil, "", err
	}
	listener, err = net.Listen("tcp", address)
	if err != nil || config == nil {
		return listener, "http", err
	}
	go watch(ctx)
	return tls.NewListener(listener, config), "https", nil
}

// certificates returns what a listener needs, and what is to run beside it; both
// are nil without TLS.
func (f tlsFlags) certificates(dir string, log *slog.Logger) (config *tls.Config, watch func(context.Context), err error) {
	switch {
	case f.TLSCert != "":
		files, err := certs.OpenFiles(f.TLSCert, f.TLSKey, log)
		if err != nil {
			return nil, nil, err
		}
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		return files.TLS(), func(ctx context.Context) {
			defer signal.Stop(reload)
			files.Watch(ctx, reload)
		}, nil
	case len(f.ACMEDomain) > 0:
		cache := filepath.Join(dir, "acme")
		if err := blob.MkdirAll(cache); err != nil {
			return nil, nil, err
		}
		acme, err := certs.NewACME(certs.Authority{
			Names: f.ACMEDomain, Email: f.ACMEEmail, Directory: f.ACMEDirectory, Cache: cache, Log: log})
		if err != nil {
			return nil, nil, err
		}
		return acme.TLS(), acme.Watch, nil
	}
	return nil, nil, nil
}
