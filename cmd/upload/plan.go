package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"uploadd/client/transfer"
)

// plan says what would be done.
func (c *sendCmd) plan(env *environment, u *transfer.Uploader, items []*item) error {
	var noted []transfer.Unfinished
	if u.Journal != "" {
		var err error
		if noted, err = transfer.ListUnfinished(u.Journal); err != nil {
			return err
		}
	}
	failed := &failures{env: env}
	for _, it := range items {
		planned, err := c.planOf(it, u, noted)
		if err != nil {
			failed.add(it.name, err)
			continue
		}
		if c.JSON {
			err = writeJSON(env.stdout, planned)
		} else {
			_, err = fmt.Fprintln(env.stdout, planned)
		}
		if err != nil {
			return err
		}
	}
	return failed.err()
}

// planned is one line of --dry-run.
type planned struct {
	Event    string `json:"event"`
	Name     string `json:"name"`
	Size     *int64 `json:"total"` // null for a stream
	Single   bool   `json:"single"`
	PartSize int64  `json:"part_size,omitempty"`
	Parts    int    `json:"parts_total,omitempty"`
	UploadID string `json:"upload_id,omitempty"` // that of an earlier run
	Bytes    int64  `json:"bytes"`               // that have arrived by it
}

func (p planned) String() string {
	name := shown(p.Name)
	switch {
	case p.Size == nil:
		return name + ": a stream, kept in a temporary file until its size is known"
	case p.Single:
		return fmt.Sprintf("%s: %s in one request", name, bytesText(*p.Size))
	case p.UploadID == "" && p.Parts == 1:
		return fmt.Sprintf("%s: %s in one part", name, bytesText(*p.Size))
	case p.UploadID != "":
		return fmt.Sprintf("%s: %s in %s of %s; %s of them are there, in %s", name, bytesText(*p.Size), plural(p.Parts, "part"),
			bytesText(p.PartSize), bytesText(p.Bytes), shown(p.UploadID))
	}
	return fmt.Sprintf("%s: %s in %s of %s", name, bytesText(*p.Size), plural(p.Parts, "part"), bytesText(p.PartSize))
}

func (c *sendCmd) planOf(it *item, u *transfer.Uploader, noted []transfer.Unfinished) (planned, error) {
	p := planned{Event: "planned", Name: it.name}
	if it.err != nil || it.size < 0 {
		return p, it.err
	}
	plan, err := u.Plan(it.size)
	if err != nil {
		return p, err
	}
	p.Size, p.Single, p.PartSize, p.Parts = &it.size, plan.Single, plan.PartSize, plan.Parts
	path, err := filepath.Abs(it.path)
	if err != nil {
		return p, err
	}
	name := cmp.Or(c.Filename, filepath.Base(path))
	for _, n := range noted {
		if n.Server == u.Client.BaseURL() && n.Source == path && n.Filename == name && n.Purpose == c.Purpose &&
			n.Size == it.size && n.ExpiresAt.After(time.Now()) {
			p.UploadID, p.Bytes = n.UploadID, n.Bytes
		}
	}
	return p, nil
}
