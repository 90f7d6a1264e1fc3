package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/access"
	"uploadd/internal/uploads"
)

type projectsCmd struct {
	List  listProjectsCmd `cmd:"" default:"withargs" help:"Show what every project holds, and may hold."`
	Limit limitCmd        `cmd:"" help:"Set what a project may hold. A running server keeps to it within 10 seconds."`
}

type listProjectsCmd struct {
	storeFlags
	jsonFlag
}

func (c *listProjectsCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	projects, err := st.meta.Projects(env.ctx)
	if err != nil {
		return err
	}
	return table(env.stdout, c.JSON, projects, "PROJECT\tBYTES\tRESERVED\tOF\tFILES\tOF\tUPLOADS\tOF\tREQUESTS/MIN",
		func(a *uploads.Account) any { return uploads.WireAccount(a) },
		func(a *uploads.Account) string {
			size := func(n int64) string { return humanize.IBytes(uint64(n)) }
			return strings.Join([]string{a.ID, size(a.Bytes), size(a.Reserved), limit(a.Limits.Bytes, size),
				humanize.Comma(a.Files), limit(a.Limits.Files, humanize.Comma),
				humanize.Comma(a.Uploads), limit(a.Limits.Uploads, humanize.Comma),
				limit(a.Limits.Requests, humanize.Comma)}, "\t")
		})
}

func limit(n int64, show func(int64) string) string {
	if n == uploads.Unlimited {
		return noLimit
	}
	return show(n)
}

type limitCmd struct {
	storeFlags
	Project string `arg:"" help:"The project. It is made if there is none."`
	limitFlags
}

func (c *limitCmd) Run(env *environment) error {
	if err := access.ValidateProject(c.Project); err != nil {
		return err
	}
	st, err := c.openForChange(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.meta.SetLimits(env.ctx, c.Project, st.now().Unix(), c.apply)
}

type auditCmd struct {
	storeFlags
	Project string `placeholder:"NAME" help:"Only what concerns this project."`
	jsonFlag
}

// eventLine is an event as it is listed.
type eventLine struct {
	At      string `json:"at"`
	Project string `json:"project"`
	By      string `json:"by"`
	Action  string `json:"action"`
	Object  string `json:"object"`
	Detail  string `json:"detail"`
}

func (c *auditCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	var lines []eventLine
	for after := int64(0); ; {
		events, err := st.meta.Events(env.ctx, c.Project, after, 10_000)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			after = e.Seq
			by := e.Key
			if by == "" {
				by = "-" // the command line, or the server
			}
			lines = append(lines, eventLine{time.Unix(e.At, 0).UTC().Format(time.RFC3339), e.Project, by, e.Action, e.Object, e.Detail})
		}
	}
	return table(env.stdout, c.JSON, lines, "AT\tPROJECT\tBY\tACTION\tOBJECT\tDETAIL",
		func(l *eventLine) any { return l },
		func(l *eventLine) string {
			return strings.Join([]string{l.At, l.Project, l.By, l.Action, l.Object, l.Detail}, "\t")
		})
}

type jsonFlag struct {
	JSON bool `help:"Print a line of JSON for each."`
}

// table prints a list for people, or a line of JSON for each element.
func table[T any](w io.Writer, asJSON bool, list []T, head string, wire func(*T) any, line func(*T) string) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for i := range list {
			if err := enc.Encode(wire(&list[i])); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for i := range list {
		fmt.Fprintln(t, line(&list[i]))
	}
	return t.Flush()
}
