package blob

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// continueTimeout is how long a store may take to say whether it wants a body. Some
	// never say.
	continueTimeout = time.Second
	// idleConns are kept open for the requests to come.
	idleConns = 256
)

// newTransport returns what talks to a store. HTTP/1.1: in HTTP/2 all bodies would be
// behind one window, on one connection.
func newTransport(roots *x509.CertPool, patience time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{c, patience}, nil
	}
	dialTLS := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		c, err := (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{c, patience}, nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dial,
		DialTLSContext:        dialTLS,
		TLSClientConfig:       config, // behind a proxy
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: patience,
		ExpectContinueTimeout: continueTimeout,
		MaxIdleConns:          idleConns,
		MaxIdleConnsPerHost:   idleConns,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
		Protocols:             protocols,
	}
}

// versioned says which HTTP a request is of. Those of the SDK do not, and net/http then
// does not wait for the answer to an Expect: 100-continue.
type versioned struct{ *http.Transport }

func (v versioned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &offered{ReadCloser: r.Body, answered: make(chan struct{})}
	r = r.WithContext(body.traced(r.Context()))
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	if r.Body == nil || r.Body == http.NoBody {
		return v.Transport.RoundTrip(r)
	}
	r.Body = body
	resp, err := v.Transport.RoundTrip(r)
	if err != nil {
		close(body.answered)
		return nil, err
	}
	resp.Body = &answer{resp.Body, sync.OnceFunc(func() { close(body.answered) })}
	return resp, nil
}

// answer is the body of one, which says when it is over.
type answer struct {
	io.ReadCloser
	over func()
}

func (a *answer) Close() error {
	defer a.over()
	return a.ReadCloser.Close()
}

// offered is a body that the store was asked about, if the request has an Expect. To
// one that answers before it was given the body net/http would send it all the same, to
// be able to use the connection again.
//
// Nor does it write itself, as bodies of the SDK may: these are closed as soon as there
// is an answer, and one that writes itself is then in error, for which net/http cuts off
// the answer.
type offered struct {
	io.ReadCloser
	answered chan struct{} // closed once the whole answer has been

	asked  atomic.Int64 // when, in nanoseconds; 0 is not
	wanted atomic.Bool
}

func (o *offered) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Wait100Continue: func() { o.asked.Store(time.Now().UnixNano()) },
		Got100Continue:  func() { o.wanted.Store(true) },
	})
}

// refused says whether there is an answer, and no wish for the body.
func (o *offered) refused() bool {
	asked := o.asked.Load()
	return asked != 0 && !o.wanted.Load() && time.Now().UnixNano()-asked < int64(continueTimeout)
}

func (o *offered) Read(p []byte) (int, error) {
	if o.refused() {
		<-o.answered // by an error net/http would cut it off
		return 0, io.ErrClosedPipe
	}
	return o.ReadCloser.Read(p)
}

// conn gives up a store that takes nothing any more, and copies in large pieces:
// net/http by itself does so 32 KiB at a time.
type conn struct {
	net.Conn
	patience time.Duration
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// ReadFrom is what net/http sends a body with. A piece goes out as soon as there is
// one, however small: stores give up connections on which nothing comes.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	buf := getBuffer()
	defer buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, buf.bytes) // which would call ReadFrom again
}
