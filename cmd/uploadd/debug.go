package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"uploadd/internal/server"
)

// debugFlags are of the listener for those who look after the server.
type debugFlags struct {
	DebugListen string `placeholder:"HOST:PORT" help:"Serve profiles below /debug/pprof/ on this loopback address. They are served nowhere else."`
}

// startDebug opens the listener on an address of this machine alone: it asks nobody for
// a key, and a profile takes the processor's time. stop cuts off profiles that are
// being taken.
func (f debugFlags) startDebug(log *slog.Logger) (stop func() error, err error) {
	if f.DebugListen == "" {
		return func() error { return nil }, nil
	}
	addr, err := f.debugAddress()
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--debug-listen: %w", err)
	}
	return serveBeside(listener, "profiles", "/debug/pprof/", http.HandlerFunc(serveDebug), log), nil
}

func (f debugFlags) validateDebug() error {
	if f.DebugListen == "" {
		return nil
	}
	_, err := f.debugAddress()
	return err
}

// debugAddress is the address, if only this machine can reach it.
func (f debugFlags) debugAddress() (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", f.DebugListen)
	if err != nil {
		return nil, fmt.Errorf("--debug-listen=%s: %w", f.DebugListen, err)
	}
	if !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("--debug-listen=%s: there are no keys on this listener, so it is for a loopback address only, such as 127.0.0.1:6060; from elsewhere use a tunnel (ssh -L 6060:127.0.0.1:6060 HOST, or kubectl port-forward)", f.DebugListen)
	}
	return addr, nil
}

// serveBeside serves those who look after the server, on a listener of their own, until
// it is stopped. what and path are for the log.
func serveBeside(listener net.Listener, what, path string, h http.Handler, log *slog.Logger) (stop func() error) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error(what+" are not served any more", "err", err)
		}
	}()
	log.Info(what+" are served", "url", fmt.Sprintf("http://%s%s", listener.Addr(), path))
	return srv.Close
}

// serveDebug serves the programs of this machine. A page in a browser could name this
// listener by a name of its own, or make it take a profile.
func serveDebug(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !server.FromThisMachine(r) {
		http.Error(w, "this listener is for the programs of its own machine", http.StatusForbidden)
		return
	}
	debugHandler().ServeHTTP(w, r)
}

// debugHandler has the profiles that net/http/pprof also puts on the default mux,
// which no listener of uploadd serves. The command line is left out.
func debugHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
