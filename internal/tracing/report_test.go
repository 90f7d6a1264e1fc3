package tracing

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A collector that fails again and again is a line a minute.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		r := &reporter{log: slog.New(slog.NewTextHandler(&b, nil)), redact: func(s string) string { return strings.ReplaceAll(s, "secret", "[gone]") }}
		for range 90 {
			r.Handle(errors.New("a secret failure"))
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `err="a [gone] failure"`) || !strings.HasSuffix(lines[1], "failures_before=59") {
			t.Errorf("the log: %q", lines)
		}
	})
}
