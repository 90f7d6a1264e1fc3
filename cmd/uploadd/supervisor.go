package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellSupervisor says to systemd, if it started this program with Type=notify, what
// has become of it. (Where it did not, nothing is told.)
func tellSupervisor(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told", "state", state, "err", err)
	}
}

// feedWatchdog says every so often that the program lives, if systemd wants to hear it
// (WatchdogSec=), until ctx ends. That a store is away is no reason to be restarted:
// /readyz tells that.
func feedWatchdog(ctx context.Context, log *slog.Logger) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not understood", "err", err)
	}
	if period <= 0 {
		return
	}
	for tick := time.NewTicker(period / 2); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			tellSupervisor(log, daemon.SdNotifyWatchdog)
		}
	}
}
