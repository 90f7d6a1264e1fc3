package main

import (
	"io"
	"log/slog"

	"uploadd/internal/access"
)

// newLogger logs to w as --log-format and --quiet say. Callers write keys where
// none belong, into addresses and ids, so whatever is logged is looked through.
func newLogger(w io.Writer, format string, quiet bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: withoutKeys}
	if quiet {
		o.Level = slog.LevelError
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func withoutKeys(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(access.Redact(v))
	case error:
		a.Value = slog.StringValue(access.Redact(v.Error()))
	}
	return a
}
