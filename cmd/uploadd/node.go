package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"uploadd/internal/access"
	"uploadd/internal/jsonl"
	"uploadd/internal/observe"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/web"
)

// node is a server on its stores.
type node struct {
	*serveFlags
	st       *stores
	listener net.Listener
	local    bool       // nobody but this machine reaches the listener
	otlp     *collector // nil for none
	log      *slog.Logger
}

// serve answers requests until the context ends, and then those in flight.
func (n *node) serve(env *environment, scheme string) error {
	defer n.otlp.close() // while what it asks the stores for can still be told
	measured := n.measure(n.st, n.otlp)
	svc := n.service(measured)
	if err := n.prepare(env.ctx, svc); err != nil {
		return errors.Join(err, n.listener.Close())
	}
	deliveries := dispatcher(n.st, svc.Now, n.log)
	stopMetrics, err := measured.serve(env.ctx, n.st, svc, deliveries.Counts, n.otlp, n.log)
	if err != nil {
		return errors.Join(err, n.listener.Close())
	}
	defer stopMetrics()

	background, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { svc.Janitor(background, janitorPeriod) })
	working.Go(func() { deliveries.Run(background) })
	defer working.Wait()
	defer stop()

	srv := n.server(svc, measured)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(n.listener) }()
	fmt.Fprintf(env.stdout, "uploadd listens on %s://%s/v1 and keeps %s\n", scheme, n.listener.Addr(), n.st)
	tellSupervisor(n.log, daemon.SdNotifyReady)
	go feedWatchdog(env.ctx, n.log)
	select {
	case err := <-served:
		return err
	case <-env.ctx.Done():
	}
	tellSupervisor(n.log, daemon.SdNotifyStopping)
	return n.drain(srv)
}

// service is the domain on the stores.
func (n *node) service(measured *measuring) *uploads.Service {
	records, blobs := uploads.Meta(n.st.meta), uploads.Blobs(n.st.blobs)
	if told := n.otlp.calls(measured.calls()); told != nil {
		records, blobs = observe.Meta(records, told), observe.Blobs(blobs, told)
	}
	return uploads.New(uploads.Config{
		Meta:       records,
		Blobs:      blobs,
		UploadTTL:  n.UploadTTL,
		MaxPart:    int64(n.MaxPart),
		MaxUpload:  int64(n.MaxUpload),
		MaxFile:    int64(n.MaxFile),
		Exclusive:  n.st.lock != nil,
		Hold:       n.st.mayDelete,
		Settle:     n.st.settle,
		Remote:     n.st.disk == nil,
		Wall:       n.st.meta.Wall(),
		Validators: validators(n.Validate),
		Log:        n.log,
	})
}

// prepare holds the stores against each other, and tidies up behind a process that is
// gone.
func (n *node) prepare(ctx context.Context, svc *uploads.Service) error {
	if n.Meta != "" || n.Blobs != "" { // what is in one directory has come there together
		if err := uploads.Pair(ctx, n.st.meta, n.st.apart()); err != nil {
			return fmt.Errorf("%s: %w", n.st, err)
		}
	}
	err := svc.Recover(ctx)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, uploads.ErrUnavailable) {
		// What is stored can be read all the same, and perhaps be deleted.
		n.log.Error("reservations of the process before stay until their lease ends", "err", err)
		return nil
	}
	return err
}

// server is the API over HTTP.
func (n *node) server(svc *uploads.Service, measured *measuring) *http.Server {
	gate := &access.Gate{Store: n.st.meta, API: svc.As, Now: svc.Now}
	if n.local {
		gate.Open = project
	}
	return server.NewHTTPServer(server.New(server.Config{
		Authenticate: authenticate(gate),
		Ready:        svc.Ready,
		Page:         web.Routes(),
		Observe:      n.otlp.requests(measured.requests()),
		Log:          n.log,
	}), n.log)
}

// drain takes no more connections, and lets requests in flight finish.
func (n *node) drain(srv *http.Server) error {
	n.log.Info("stopping: requests in flight may finish", "within", n.StopTime.String())
	ctx, cancel := context.WithTimeout(context.Background(), n.StopTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		n.log.Warn("requests were cut off", "err", err)
		return srv.Close()
	}
	return nil
}

// validators are those of the purposes.
func validators(purposes []string) map[string]uploads.Validator {
	all := map[string]uploads.Validator{"batch": jsonl.Batch, "fine-tune": jsonl.FineTune}
	chosen := map[string]uploads.Validator{}
	for _, purpose := range purposes {
		chosen[purpose] = all[purpose]
	}
	return chosen
}

// authenticate joins the server, which knows the API alone, to the gate.
func authenticate(gate *access.Gate) func(context.Context, server.Credentials) (server.Caller, error) {
	return func(ctx context.Context, c server.Credentials) (server.Caller, error) {
		pass, err := gate.Admit(ctx, access.Request(c))
		if pass == nil {
			return server.Caller{}, err
		}
		return server.Caller(*pass), err
	}
}
