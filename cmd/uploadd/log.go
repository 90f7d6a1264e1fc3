package main

import (
	"errors"
	"io"
	"log/slog"

	"uploadd/internal/access"
)

// logFlags say what is logged, to standard error.
type logFlags struct {
	LogFormat string `default:"json" enum:"text,json" help:"How to log, to standard error: text or json (${default})."`
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"The least that is logged: debug, info, warn or error (${default}). At debug the questions of health are logged too."`
	Quiet     bool   `short:"q" help:"Log errors only: --log-level=error."`
}

func (f *logFlags) validateLog() error {
	if f.Quiet && f.LogLevel != "info" && f.LogLevel != "error" {
		return errors.New("--quiet and --log-level=" + f.LogLevel + ": leave one of them out")
	}
	return nil
}

// newLogger logs to w as the flags say. Callers write keys where none belong, into
// addresses and ids, so whatever is logged is looked through.
func (f *logFlags) newLogger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		panic(err) // kong has compared it with the levels that there are
	}
	if f.Quiet {
		level = slog.LevelError
	}
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutKeys}
	if f.LogFormat == "json" {
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
