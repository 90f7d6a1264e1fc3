package server

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	// headTimeout is how long a client may take for the head of a request.
	headTimeout = 10 * time.Second
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 2 * time.Minute
	// maxHead bounds the head of a request, in bytes; net/http allows 4 KiB more.
	maxHead = 32 << 10
)

// NewHTTPServer returns a server of h, which New made, that bounds what its
// clients can hold of it: heads in size and time, and connections in number. Its
// own complaints go to log.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return newHTTPServer(h, newConns(roomFor(maxConns), log))
}

func newHTTPServer(h http.Handler, c *conns) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
		ConnContext:       c.context,
		ConnState:         c.state,
		// OPTIONS * is no more a request of this API than others that it does not know.
		DisableGeneralOptionsHandler: true,
		// The windows bound what a connection makes the server hold, and what is on
		// its way at a time: with 1 MiB parts came in at 19 MiB/s from 50 ms away, with
		// 4 MiB at 70
		// (`go test -run Speed -v ./test/tls -args -parts 4 -away 50ms`). A client that
		// takes nothing is cut off, as exchange does it for HTTP/1.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          64,
			MaxDecoderHeaderTableSize:     4 << 10,
			MaxReadFrameSize:              256 << 10,
			MaxReceiveBufferPerConnection: 4<<20 - 1,
			MaxReceiveBufferPerStream:     4<<20 - 1,
			SendPingTimeout:               30 * time.Second,
			WriteByteTimeout:              stepTimeout,
		},
	}
}
