package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"uploadd/internal/blob"
	"uploadd/internal/certs"
	"uploadd/internal/server"
)

// tlsFlags say where the certificate comes from. Without any, there is no TLS.
type tlsFlags struct {
	TLSCert       string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate and its chain, in PEM. Files are read again when they change."`
	TLSKey        string   `name:"tls-key" placeholder:"FILE" help:"The key of --tls-cert, in PEM."`
	ACMEDomain    []string `name:"acme-domain" placeholder:"NAME" help:"Serve HTTPS with certificates for these names from an ACME authority, whose terms you agree to. Port 443 of each name must lead here."`
	ACMEEmail     string   `name:"acme-email" placeholder:"ADDRESS" help:"Where the authority may write to."`
	ACMEDirectory string   `name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"The authority (${default})."`
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
func (f tlsFlags) listen(ctx context.Context, port port, dir string, log *slog.Logger) (listener net.Listener, scheme string, err error) {
	config, watch, err := f.certificates(dir, log)
	if err != nil {
		return nil, "", err
	}
	listener, err = port.listen()
	if err != nil {
		return nil, "", err
	}
	if config == nil {
		return server.Refusing(listener), "http", nil
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
