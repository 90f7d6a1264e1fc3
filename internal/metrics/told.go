package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"uploadd/internal/hooks"
)

// told counts what came of the attempts to tell hooks of events.
type told func() hooks.Counts

var attempts = prometheus.NewDesc("uploadd_hook_attempts_total",
	"Attempts to tell a hook of an event.", []string{"outcome"}, nil)

// Describe is of a prometheus.Collector.
func (told) Describe(to chan<- *prometheus.Desc) { to <- attempts }

// Collect tells of all outcomes, also those that there were none of.
func (t told) Collect(to chan<- prometheus.Metric) {
	c := t()
	for outcome, n := range map[string]int64{"delivered": c.Delivered, "again": c.Again, "given_up": c.GivenUp} {
		to <- prometheus.MustNewConstMetric(attempts, prometheus.CounterValue, float64(n), outcome)
	}
}
