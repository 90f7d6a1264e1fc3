package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"uploadd/internal/blob"
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
	faults = append(faults, f.storeFlags.validate(), f.validateListen(), f.validateTLS(), f.validateLog(), f.validateDebug(),
		f.validateMetrics(), f.validateOTLP())
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
	n := &node{serveFlags: &c.serveFlags, st: st, listener: listener, local: port.loopback(), otlp: otlp, log: log}
	return errors.Join(n.serve(env, scheme), stopDebug(), st.Close())
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
