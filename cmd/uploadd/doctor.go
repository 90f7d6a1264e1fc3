//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"uploadd/internal/access"
	"uploadd/internal/doctor"
)

type doctorCmd struct {
	serveFlags
	Patience time.Duration `default:"10s" placeholder:"DURATION" help:"How long one check may take (${default})."`
	jsonFlag
}

func (c *doctorCmd) Run(env *environment) error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.Patience <= 0 {
		return fmt.Errorf("--patience=%s: it must be more than nothing", c.Patience)
	}
	settings := doctor.Settings{Meta: c.Meta, Blobs: c.Blobs, Listen: c.Listen, Local: port{address: c.Listen}.loopback(),
		TLSCert: c.TLSCert, TLSKey: c.TLSKey, MaxUpload: int64(c.MaxUpload), Patience: c.Patience}
	if c.Listen == fromSystemd {
		settings.Listen, settings.Local = "", true
	}
	var err error
	if settings.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	if c.Blobs != "" && !isS3(c.Blobs) {
		if settings.Blobs, err = filepath.Abs(c.Blobs); err != nil {
			return err
		}
	}
	var rows []doctor.Row
	doctor.Examine(env.ctx, settings, func(r doctor.Row) {
		r.Saw = access.Redact(r.Saw)
		rows = append(rows, r)
	})
	if err := env.ctx.Err(); err != nil {
		return err
	}
	if err := c.print(env, rows); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Verdict == doctor.Fail {
			return errFaults
		}
	}
	return nil
}

func (c *doctorCmd) print(env *environment, rows []doctor.Row) error {
	return table(env.stdout, c.JSON, rows, "CHECK\tRESULT\tWHAT WAS SEEN, AND WHAT TO DO",
		func(r *doctor.Row) any { return r },
		func(r *doctor.Row) string {
			// An error of several has a line for each.
			line := strings.Join([]string{r.Check, string(r.Verdict), strings.ReplaceAll(r.Saw, "\n", "\n\t\t")}, "\t")
			if r.Do != "" {
				line += "\n\t\t→ " + r.Do
			}
			return line
		})
}
