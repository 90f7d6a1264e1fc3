package main

import (
	"errors"
	"fmt"

	"uploadd/api"
	"uploadd/client/transfer"
)

type cancelCmd struct {
	IDs []string `arg:"" name:"id" help:"Uploads to give up, as upload status shows them."`
	serverFlag
}

func (cancelCmd) Help() string {
	return "Gives up Uploads: the server drops what has arrived of them, and the next run sends all of it.\n\n" +
		"  upload cancel upload_abc"
}

func (c *cancelCmd) Run(env *environment) error {
	server, err := c.api(env)
	if err != nil {
		return err
	}
	journal, noted := journalDir(env) // without one there is nothing to forget
	failed := &failures{env: env}
	for _, id := range c.IDs {
		_, err := server.CancelUpload(env.ctx, id)
		if env.ctx.Err() != nil {
			break
		}
		if noted == nil && (err == nil || errors.Is(err, api.ErrNotFound)) {
			// The server has nothing of it: neither has the journal to know of it.
			err = errors.Join(err, transfer.Forget(journal, id))
		}
		if err != nil {
			failed.add(id, err)
			continue
		}
		fmt.Fprintln(env.stdout, shown(id))
	}
	return failed.err()
}
