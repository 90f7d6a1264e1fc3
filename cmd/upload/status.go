package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/client/transfer"
)

type statusCmd struct {
	ID   string `arg:"" optional:"" name:"id" help:"Only this Upload, in whatever state it is."`
	JSON bool   `name:"json" help:"One JSON object a line."`
	serverFlag
}

func (statusCmd) Help() string {
	return "Lists the Uploads that are open: what the server tells of them (uploadd does, OpenAI does not), " +
		"and what earlier runs on this machine have noted, with the file they were sending.\n\n" +
		"Columns: id, bytes that have arrived and in all, parts, time left, state, name."
}

// unfinished is an Upload as the server and this machine know it.
type unfinished struct {
	ID        string     `json:"id"`
	Status    api.Status `json:"status"`
	Filename  string     `json:"filename"`
	Purpose   string     `json:"purpose"`
	Bytes     int64      `json:"bytes"` // that have arrived
	Total     int64      `json:"total"` // as declared
	Parts     *int       `json:"parts"` // null where the server does not tell
	ExpiresAt int64      `json:"expires_at"`
	Source    string     `json:"source,omitempty"` // the file here that the next run goes on with
}

func (c *statusCmd) Run(env *environment) error {
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	local, err := c.local(env, server)
	if err != nil {
		return err
	}
	all, err := c.remote(env, patient{server, env}, local)
	switch {
	case err == nil:
	case unsupported(err) && (c.ID == "" || len(local) > 0):
		// The API that OpenAI documents has no such request.
		fmt.Fprintln(env.stderr, "upload: the server does not list Uploads: this is what was noted here")
	default:
		return err
	}
	for _, u := range local {
		all = append(all, u)
	}
	if c.ID != "" && len(all) == 0 {
		return fmt.Errorf("nothing is known of %s", shown(c.ID))
	}
	slices.SortFunc(all, func(a, b *unfinished) int {
		return cmp.Or(cmp.Compare(a.ExpiresAt, b.ExpiresAt), cmp.Compare(a.ID, b.ID))
	})
	now := time.Now()
	for _, u := range all {
		if c.JSON {
			err = writeJSON(env.stdout, u)
		} else {
			_, err = fmt.Fprintln(env.stdout, u.line(now))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// local is what earlier runs have noted about this server.
func (c *statusCmd) local(env *environment, server *client.Client) (map[string]*unfinished, error) {
	local := map[string]*unfinished{}
	dir, err := journalDir(env)
	if err != nil {
		return local, nil // nothing can have been noted
	}
	noted, err := transfer.ListUnfinished(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range noted {
		if n.Server != server.BaseURL() || c.ID != "" && n.UploadID != c.ID {
			continue
		}
		local[n.UploadID] = &unfinished{ID: n.UploadID, Status: api.StatusPending, Filename: n.Filename, Purpose: n.Purpose,
			Bytes: n.Bytes, Total: n.Size, ExpiresAt: n.ExpiresAt.Unix(), Source: n.Source}
	}
	return local, nil
}

// remote is what the server tells. What it tells of is taken out of local.
func (c *statusCmd) remote(env *environment, server api.API, local map[string]*unfinished) (all []*unfinished, err error) {
	add := func(u *api.Upload) error {
		parts, bytes, err := received(env, server, u.ID)
		if err != nil {
			return err
		}
		found := &unfinished{ID: u.ID, Status: u.Status, Filename: u.Filename, Purpose: u.Purpose,
			Bytes: bytes, Total: u.Bytes, Parts: &parts, ExpiresAt: u.ExpiresAt}
		if l := local[u.ID]; l != nil {
			found.Source = l.Source
			delete(local, u.ID)
		}
		all = append(all, found)
		return nil
	}
	if c.ID != "" {
		u, err := server.GetUpload(env.ctx, c.ID)
		if err == nil {
			err = add(u)
		}
		return all, err
	}
	for u, err := range pages(func(after string) (*api.List[api.Upload], error) {
		return server.ListUploads(env.ctx, api.ListQuery{After: after, Limit: pageSize})
	}) {
		if err == nil && u.Status == api.StatusPending {
			err = add(u)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// received counts what has arrived of an Upload.
func received(env *environment, server api.API, id string) (parts int, bytes int64, err error) {
	for part, err := range pages(func(after string) (*api.List[api.PartInfo], error) {
		return server.ListParts(env.ctx, id, api.ListQuery{After: after, Limit: pageSize})
	}) {
		if err != nil {
			return 0, 0, err
		}
		parts, bytes = parts+1, bytes+part.Bytes
	}
	return parts, bytes, nil
}

// unsupported says whether the server does not have the request at all.
func unsupported(err error) bool {
	return errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrMethodNotAllowed)
}

func (u *unfinished) line(now time.Time) string {
	parts, left := "-", "-"
	if u.Parts != nil {
		parts = plural(*u.Parts, "part")
	}
	if d := time.Unix(u.ExpiresAt, 0).Sub(now); u.Status == api.StatusPending && d > 0 {
		left = clock(d)
	}
	source := ""
	if u.Source != "" {
		source = "  from " + shown(u.Source)
	}
	return fmt.Sprintf("%s  %9s of %9s  %10s  %6s  %-9s  %s%s", shown(u.ID), bytesText(u.Bytes), bytesText(u.Total),
		parts, left, shown(string(u.Status)), shown(u.Filename), source)
}
