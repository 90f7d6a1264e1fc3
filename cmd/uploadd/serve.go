package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
)

type serveCmd struct {
	dataFlag
	Listen    string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on (${default})."`
	UploadTTL time.Duration `default:"1h" placeholder:"DURATION" help:"How long an Upload stays open (${default})."`
	MaxPart   size          `default:"64MiB" placeholder:"SIZE" help:"The largest Part (${default})."`
	MaxUpload size          `default:"8GiB" placeholder:"SIZE" help:"The largest Upload (${default})."`
	MaxFile   size          `default:"512MiB" placeholder:"SIZE" help:"The largest File of a single POST /v1/files (${default})."`
	LogFormat string        `default:"text" enum:"text,json" help:"How to log requests, to standard error: text or json (${default})."`
	Quiet     bool          `short:"q" help:"Log errors only."`
}

const (
	janitorPeriod = 2 * time.Second
	// drainTime is how long parts and downloads in flight may take once the
	// server has been told to stop.
	drainTime = 30 * time.Second
	// project owns everything while there are no keys.
	project = "default"
)

func (c *serveCmd) Run(env *environment) error {
	if c.UploadTTL < time.Second {
		return fmt.Errorf("--upload-ttl=%s: it must be at least 1s", c.UploadTTL)
	}
	if err := loopbackOnly(c.Listen); err != nil {
		return err
	}
	log := c.logger(env.stderr)
	st, err := c.open(env.ctx)
	if err != nil {
		return err
	}
	warnUntrusted(log, st.dir)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	return errors.Join(c.serve(env, st, listener, log), st.Close())
}

// serve answers requests until the context ends, and then those in flight.
func (c *serveCmd) serve(env *environment, st *stores, listener net.Listener, log *slog.Logger) error {
	svc := uploads.New(uploads.Config{
		Meta:      st.meta,
		Blobs:     st.blobs,
		UploadTTL: c.UploadTTL,
		MaxPart:   int64(c.MaxPart),
		MaxUpload: int64(c.MaxUpload),
		MaxFile:   int64(c.MaxFile),
		Exclusive: true,
		Hold:      st.mayDelete,
		Log:       log,
	})
	switch err := svc.Recover(env.ctx); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, uploads.ErrUnavailable):
		// What is stored can be read all the same, and perhaps be deleted.
		log.Error("reservations of the process before stay until their lease ends", "err", err)
	case err != nil:
		return errors.Join(err, listener.Close())
	}
	all := svc.For(project)
	srv := server.NewHTTPServer(server.New(server.Config{
		Authenticate: func(context.Context, string) (api.API, error) { return all, nil },
		Ready:        svc.Ready,
		Log:          log,
	}), log)

	janitor, stopJanitor := context.WithCancel(context.Background())
	var cleaning sync.WaitGroup
	cleaning.Go(func() { svc.Janitor(janitor, janitorPeriod) })
	defer cleaning.Wait()
	defer stopJanitor()

	served := make(chan error, 1)
	go func() { served <- srv.Serve(server.Refusing(listener)) }()
	fmt.Fprintf(env.stdout, "uploadd listens on http://%s/v1 and keeps its data in %s\n", listener.Addr(), st.dir)
	select {
	case err := <-served:
		return err
	case <-env.ctx.Done():
	}
	log.Info("stopping: requests in flight may finish", "within", drainTime)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "err", err)
		return srv.Close()
	}
	return nil
}

// warnUntrusted says so where a flush of the disk promises nothing.
func warnUntrusted(log *slog.Logger, dir string) {
	for _, path := range []string{dir, blobDir(dir)} { // which may be a mount of its own
		switch name, err := blob.Untrusted(path); {
		case err != nil:
			log.Warn("whether the disk keeps what it is given is not known", "err", err)
		case name != "":
			log.Warn("what is acknowledged may be lost with the power: the data is on "+name, "path", path)
		}
	}
}

// loopbackOnly refuses an address that others can reach, as long as there are no
// keys that would tell them apart.
func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen=%s: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen=%s: without keys uploadd answers anybody, so it listens on a loopback address only; put a proxy that authenticates in front of it", address)
}

func (c *serveCmd) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Quiet {
		o.Level = slog.LevelError
	}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
