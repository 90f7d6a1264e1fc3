package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"uploadd/internal/meta"
)

// kept is what is asked for at each scrape: what the records come to, the room on the
// disk, and whether the server is ready.
type kept struct {
	Config
	look   look
	failed prometheus.Counter

	ready, bytes, reserved, files, uploads, bin, lag, untold, late *prometheus.Desc
	size, free, reserve                                            *prometheus.Desc
}

func newKept(c Config) *kept {
	of := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &kept{
		Config:   c,
		failed:   counter("uploadd_totals_errors_total", "Looks at the records, for the gauges of what is kept, that failed or took too long."),
		ready:    of("uploadd_ready", "1 if the stores answer, as /readyz has it, else 0."),
		bytes:    of("uploadd_stored_bytes", "Bytes of the Files of all projects."),
		reserved: of("uploadd_reserved_bytes", "Bytes that open Uploads reserve, of all projects."),
		files:    of("uploadd_files", "Files of all projects."),
		uploads:  of("uploadd_open_uploads", "Open Uploads of all projects."),
		bin:      of("uploadd_bin_keys", "Keys in the bin: of blobs that wait to be deleted, and those reserved for blobs to come."),
		lag:      of("uploadd_janitor_lag_seconds", "For how long the earliest of what the janitor has to do has been due; 0 if nothing is."),
		untold:   of("uploadd_hook_events_pending", "Events that hooks are yet to be told."),
		late:     of("uploadd_hook_lag_seconds", "How long ago the earliest of these events happened; 0 if there are none."),
		size:     of("uploadd_disk_size_bytes", "Size of the disk that the bytes are on."),
		free:     of("uploadd_disk_free_bytes", "What is free of it for this server, its reserve included."),
		reserve:  of("uploadd_disk_reserve_bytes", "What of that is kept from uploads: with less free than this they are refused."),
	}
}

// Describe is of a prometheus.Collector.
func (k *kept) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{k.ready, k.bytes, k.reserved, k.files, k.uploads, k.bin, k.lag, k.untold, k.late, k.size, k.free, k.reserve} {
		to <- d
	}
	k.failed.Describe(to)
}

// Collect leaves out what cannot be told now.
func (k *kept) Collect(to chan<- prometheus.Metric) {
	var asking sync.WaitGroup
	asking.Go(func() { k.collectReady(to) })
	if t := k.totals(); t != nil {
		send(to, k.bytes, t.Bytes)
		send(to, k.reserved, t.Reserved)
		send(to, k.files, t.Files)
		send(to, k.uploads, t.Uploads)
		send(to, k.bin, t.Binned)
		send(to, k.lag, k.since(t.Due))
		send(to, k.untold, t.Untold)
		send(to, k.late, k.since(t.UntoldSince))
	}
	k.failed.Collect(to)
	k.collectSpace(to)
	asking.Wait()
}

// since is how many seconds ago at was, 0 if it was never or is to come.
func (k *kept) since(at int64) int64 {
	if at == 0 {
		return 0
	}
	return max(0, k.Now().Unix()-at)
}

func (k *kept) collectReady(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	var ready int64
	if k.Ready(ctx) == nil {
		ready = 1
	}
	send(to, k.ready, ready)
}

func (k *kept) collectSpace(to chan<- prometheus.Metric) {
	if k.Space == nil {
		return
	}
	s, err := k.Space()
	if err != nil {
		k.Log.Warn("the room on the disk is left out of the metrics", "err", err)
		return
	}
	send(to, k.size, s.Size)
	send(to, k.free, s.Free)
	send(to, k.reserve, s.Reserve)
}

func send(to chan<- prometheus.Metric, d *prometheus.Desc, v int64) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
}

const (
	// lookTime is how long a scrape waits for the stores.
	lookTime = 5 * time.Second
	// lookShare bounds what looks cost: they take at most this share of the time, be the
	// bin as large as it may. What was seen last is told meanwhile.
	lookShare = 20
	// lookPause is how old what is told may be. Looks that take long enough for it to be
	// the bound take a twelfth.
	lookPause = time.Minute
)

// look is the last look at the records.
type look struct {
	mu     sync.Mutex // held while one looks, so that the others share what it sees
	totals *meta.Totals
	next   time.Time // when the records may be looked at again
}

// totals is what the records come to, nil if they cannot be read.
func (k *kept) totals() *meta.Totals {
	k.look.mu.Lock()
	defer k.look.mu.Unlock()
	began := time.Now()
	if began.Before(k.look.next) {
		return k.look.totals
	}
	// Cancelled, not timed out: to a store on PostgreSQL a step that was late is a sign
	// that the server is gone, and it would give up all its connections.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(lookTime, cancel).Stop()
	totals, err := k.Totals(ctx)
	if err != nil {
		k.failed.Inc()
		k.Log.Warn("what is kept is left out of the metrics", "err", err)
		totals = nil
	}
	k.look.totals = totals
	if now := time.Now(); err == nil || ctx.Err() != nil { // an answer that failed cost the database little
		k.look.next = now.Add(min(now.Sub(began)*(lookShare-1), lookPause))
	}
	return totals
}
