package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"uploadd/internal/access"
	"uploadd/internal/blob"
	"uploadd/internal/jsonl"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/web"
)

type serveCmd struct{ serveFlags }

// serveFlags are the settings of a server.
type serveFlags struct {
	storeFlags
	Listen    string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on (${default}), or 'systemd' for the socket that systemd hands over."`
	UploadTTL time.Duration `default:"1h" placeholder:"DURATION" help:"How long an Upload stays open (${default})."`
	MaxPart   size          `default:"64MiB" placeholder:"SIZE" help:"The largest Part (${default})."`
	MaxUpload size          `default:"8GiB" placeholder:"SIZE" help:"The largest Upload (${default})."`
	MaxFile   size          `default:"512MiB" placeholder:"SIZE" help:"The largest File of a single POST /v1/files (${default})."`
	StopTime  time.Duration `default:"30s" placeholder:"DURATION" help:"How long parts and downloads in flight may take once the server has been told to stop (${default})."`
	Validate  []string      `enum:"batch,fine-tune" placeholder:"PURPOSE" help:"Refuse Files of these purposes that are not what they are for, with the number of the line that is wrong: batch, fine-tune. None if not given."`
	logFlags
	tlsFlags
	debugFlags
	metricsFlags
	otlpFlags
}

const (
	janitorPeriod = 2 * time.Second
	// project owns everything while no key was ever made.
	project = "default"
)

// validate finds all that cannot be meant.
func (f *serveFlags) validate() error {
	var faults []error
	if f.UploadTTL < time.Second {
		faults = append(faults, fmt.Errorf("--upload-ttl=%s: it must be at least 1s", f.UploadTTL))
	}
	if f.StopTime < 0 {
		faults = append(faults, fmt.Errorf("--stop-time=%s: it cannot be less than nothing", f.StopTime))
	}
	faults = append(faults, f.storeFlags.validate(), f.validateListen(), f.validateTLS(), f.validateLog(), f.validateOTLP())
	return errors.Join(faults...)
}

func (c *serveCmd) Run(env *environment) error {
	if err := c.validate(); err != nil {
		return err
	}
	port, err := c.port()
	if err != nil {
		return err
	}
	if !port.loopback() {
		if err := c.requireKey(env.ctx, port); err != nil {
			return err
		}
	}
	log := c.newLogger(env.stderr)
	otlp, err := c.startOTLP(env.ctx, log)
	if err != nil {
		return err
	}
	log, c.through = otlp.log(log), otlp.transport()
	st, err := c.open(env.ctx)
	if err != nil {
		return err
	}
	warnUntrusted(log, st)
	stopDebug, err := c.startDebug(log)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	listener, scheme, err := c.listen(env.ctx, port, st.dir, log)
	if err != nil {
		return errors.Join(err, stopDebug(), st.Close())
	}
	return errors.Join(c.serve(env, st, listener, scheme, port.loopback(), otlp, log), stopDebug(), st.Close())
}

// service is the domain on the stores.
func (c *serveCmd) service(st *stores, measured *measuring, otlp *collector, log *slog.Logger) *uploads.Service {
	records, blobs := otlp.stores(measured.stores(st))
	return uploads.New(uploads.Config{
		Meta:      records,
		Blobs:     blobs,
		UploadTTL: c.UploadTTL,
		MaxPart:   int64(c.MaxPart),
		MaxUpload: int64(c.MaxUpload),
		MaxFile:   int64(c.MaxFile),
		Exclusive: st.lock != nil,
		Hold:      st.mayDelete,
		Settle:    st.settle,
		Remote:    st.disk == nil,
		Wall:      st.meta.Wall(),
		Log:       log,

		Validators: validators(c.Validate),
	})
}

// serve answers requests until the context ends, and then those in flight.
func (c *serveCmd) serve(env *environment, st *stores, listener net.Listener, scheme string, local bool, otlp *collector, log *slog.Logger) error {
	defer otlp.close() // while what it asks the stores for can still be told
	measured := c.measure(st, otlp)
	svc := c.service(st, measured, otlp, log)
	if c.Meta != "" || c.Blobs != "" { // what is in one directory has come there together
		if err := uploads.Pair(env.ctx, st.meta, st.apart()); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", st, err), listener.Close())
		}
	}
	switch err := svc.Recover(env.ctx); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, uploads.ErrUnavailable):
		// What is stored can be read all the same, and perhaps be deleted.
		log.Error("reservations of the process before stay until their lease ends", "err", err)
	case err != nil:
		return errors.Join(err, listener.Close())
	}
	gate := &access.Gate{Store: st.meta, API: svc.As, Now: svc.Now}
	if local {
		gate.Open = project
	}
	srv := server.NewHTTPServer(server.New(server.Config{
		Authenticate: authenticate(gate),
		Ready:        svc.Ready,
		Page:         web.Routes(),
		Observe:      otlp.requests(measured.requests()),
		Log:          log,
	}), log)
	deliveries := dispatcher(st, svc.Now, log)
	stopMetrics, err := measured.serve(env.ctx, st, svc, deliveries.Counts, otlp, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopMetrics()

	janitor, stopJanitor := context.WithCancel(context.Background())
	var cleaning sync.WaitGroup
	cleaning.Go(func() { svc.Janitor(janitor, janitorPeriod) })
	cleaning.Go(func() { deliveries.Run(janitor) })
	defer cleaning.Wait()
	defer stopJanitor()

	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	fmt.Fprintf(env.stdout, "uploadd listens on %s://%s/v1 and keeps %s\n", scheme, listener.Addr(), st)
	tellSupervisor(log, daemon.SdNotifyReady)
	go feedWatchdog(env.ctx, log)
	select {
	case err := <-served:
		return err
	case <-env.ctx.Done():
	}
	tellSupervisor(log, daemon.SdNotifyStopping)
	log.Info("stopping: requests in flight may finish", "within", c.StopTime)
	ctx, cancel := context.WithTimeout(context.Background(), c.StopTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off", "err", err)
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

// warnUntrusted says so where a flush promises nothing.
func warnUntrusted(log *slog.Logger, st *stores) {
	for _, doubt := range st.meta.Doubts() {
		log.Warn("what is acknowledged may be lost", "why", doubt)
	}
	var paths []string
	if st.lock != nil {
		paths = append(paths, st.dir)
	}
	if st.disk != nil { // which may be a mount of its own
		paths = append(paths, st.disk.Dir())
	}
	for _, path := range paths {
		switch name, err := blob.Untrusted(path); {
		case err != nil:
			log.Warn("whether the disk keeps what it is given is not known", "err", err)
		case name != "":
			log.Warn("what is acknowledged may be lost with the power: the data is on "+name, "path", path)
		}
	}
}

// requireKey refuses to listen where others can reach it while there is no key
// that would tell them apart.
func (c *serveCmd) requireKey(ctx context.Context, p port) error {
	st, err := c.openForReading(ctx)
	if err == nil {
		defer st.Close()
		if any, err := st.meta.AnyKey(ctx); err != nil || any {
			return err
		}
	} else if !errors.Is(err, errNoData) {
		return err
	}
	return fmt.Errorf("--listen=%s can be reached by others, and there is no key to tell them apart. make one with: uploadd keys create --project NAME --data %s", p.address, c.Data)
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
