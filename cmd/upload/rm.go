package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"uploadd/api"
)

type rmCmd struct {
	IDs       []string `arg:"" optional:"" name:"id" help:"Files to delete, by their ids."`
	OlderThan span     `placeholder:"DURATION" help:"Instead of ids: all files that are older than this, such as 30d."`
	Purpose   string   `placeholder:"PURPOSE" help:"Instead of ids: all files of this purpose; with --older-than, those of them."`
	Yes       bool     `short:"y" help:"Do not ask."`
	serverFlag
}

func (rmCmd) Help() string {
	return "Lists the files and asks before it deletes them. Prints the ids of those it has deleted. " +
		"Without a terminal to ask on it does nothing, unless -y is given.\n\n" +
		"  upload rm file-abc file-def\n" +
		"  upload rm --older-than=30d --purpose=batch"
}

// deletions is how many requests are made at a time.
const deletions = 8

func (c *rmCmd) Run(env *environment) error {
	chooses := c.OlderThan > 0 || c.Purpose != ""
	switch {
	case len(c.IDs) == 0 && !chooses:
		return usagef("rm: name the files to delete, or choose them with --older-than or --purpose")
	case len(c.IDs) > 0 && chooses:
		return usagef("rm: ids cannot be combined with --older-than or --purpose")
	case !c.Yes && !canAsk(env):
		return usagef("rm: there is no terminal to ask on: add -y if you are sure")
	}
	server, err := c.api(env)
	if err != nil {
		return err
	}
	failed := &failures{env: env}
	chosen, err := c.choose(env, server, failed)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		if chooses {
			fmt.Fprintln(env.stderr, "There is nothing to delete.")
		}
		return failed.err()
	}
	if !c.Yes {
		printChosen(env, chosen)
		if ok, err := ask(env, "Delete them?"); err != nil || !ok {
			return errors.Join(err, failed.err())
		}
	}
	deleteAll(env, server, chosen, failed)
	return failed.err()
}

// choose finds the files to delete. An id that cannot be is a failure, and no
// reason to keep the others.
func (c *rmCmd) choose(env *environment, server api.API, failed *failures) (chosen []*api.File, err error) {
	for _, id := range c.IDs {
		file, err := server.GetFile(env.ctx, id)
		if env.ctx.Err() != nil {
			return nil, env.ctx.Err()
		}
		if err != nil {
			failed.add(id, err)
			continue
		}
		chosen = append(chosen, file)
	}
	if len(c.IDs) > 0 {
		return chosen, nil
	}
	before := time.Now().Add(-time.Duration(c.OlderThan)).Unix()
	for file, err := range files(env.ctx, server, c.Purpose) {
		if err != nil {
			return nil, err
		}
		// A server that knows no purposes in its list would send the others, too.
		if file.CreatedAt <= before && (c.Purpose == "" || file.Purpose == c.Purpose) {
			chosen = append(chosen, file)
		}
	}
	return chosen, nil
}

func printChosen(env *environment, chosen []*api.File) {
	const most = 20
	var total int64
	now := time.Now()
	for i, file := range chosen {
		if total += file.Bytes; i < most {
			fmt.Fprintln(env.stderr, fileLine(file, now))
		}
	}
	if len(chosen) > most {
		fmt.Fprintf(env.stderr, "... and %d more\n", len(chosen)-most)
	}
	fmt.Fprintf(env.stderr, "%s, %s in all.\n", plural(len(chosen), "file"), bytesText(total))
}

// deleteAll deletes the files, several at a time, and prints their ids.
func deleteAll(env *environment, server api.API, chosen []*api.File, failed *failures) {
	next := make(chan *api.File)
	var workers sync.WaitGroup
	for range min(deletions, len(chosen)) {
		workers.Go(func() {
			for file := range next {
				_, err := server.DeleteFile(env.ctx, file.ID)
				if err == nil || errors.Is(err, api.ErrNotFound) { // it was there, so somebody else was faster
					failed.printed(file.ID)
				} else if env.ctx.Err() == nil {
					failed.add(file.ID, err)
				}
			}
		})
	}
	for _, file := range chosen {
		select {
		case next <- file:
		case <-env.ctx.Done():
		}
	}
	close(next)
	workers.Wait()
}
