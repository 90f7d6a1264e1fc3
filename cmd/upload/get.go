package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uploadd/api"
	"uploadd/client/transfer"
)

type getCmd struct {
	ID       string `arg:"" name:"id" help:"The file to fetch, by its id."`
	Output   string `short:"o" placeholder:"FILE" help:"Where to put it: a file, a directory, or - for standard output. By default here, by the name that the server has for it."`
	Force    bool   `short:"f" help:"Replace a file that is there."`
	Parallel int    `default:"4" placeholder:"N" help:"How many ranges are fetched at a time, up to 64 (${default})."`
	Quiet    bool   `short:"q" help:"Show no progress."`
	serverFlag
}

func (getCmd) Help() string {
	return "Until all of it has arrived it is kept in a file whose name ends in .part, and the same command goes on with that. " +
		"What has arrived is held against the server's checksum, where it has one; then it gets its name.\n\n" +
		"  upload get file-abc\n" +
		"  upload get file-abc -o results.jsonl\n" +
		"  upload get file-abc -o - | jq .custom_id"
}

// Validate finds out what makes no sense before anything is done.
func (c *getCmd) Validate() error {
	if c.Parallel < 1 || c.Parallel > maxParallel {
		return fmt.Errorf("--parallel=%d: it must be from 1 to %d", c.Parallel, maxParallel)
	}
	return nil
}

func (c *getCmd) Run(env *environment) error {
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	file, err := patient{server, env}.GetFile(env.ctx, c.ID)
	if err != nil {
		return err
	}
	path, err := c.path(file)
	if err != nil {
		return err
	}
	show := c.display(env, file)
	d := &transfer.Downloader{Client: server, Parallel: c.Parallel, Progress: show.progress}
	var checked bool
	if path == "-" {
		checked, err = d.Download(env.ctx, file, env.stdout)
	} else {
		checked, err = d.DownloadFile(env.ctx, file, path, c.Force)
	}
	if err == nil {
		show.finish(file.Filename, file.Bytes)
	}
	show.close(summary{})
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: -f replaces it, and -o puts the file elsewhere", shown(path))
	case env.ctx.Err() != nil && path != "-":
		fmt.Fprintln(env.stderr, "upload: interrupted; the same command goes on with what has arrived")
	case err == nil && !checked && !c.Quiet:
		fmt.Fprintln(env.stderr, "upload: the server tells no checksum to hold it against")
	}
	return err
}

// path is where the file goes. The server's name for it is a name in one
// directory, or nothing.
func (c *getCmd) path(file *api.File) (string, error) {
	dir := "."
	switch info, err := os.Stat(c.Output); {
	case c.Output == "":
	case err == nil && info.IsDir():
		dir = c.Output
	default:
		return c.Output, nil
	}
	name := file.Filename[strings.LastIndexAny(file.Filename, `/\`)+1:]
	if shown(name) != name || strings.HasPrefix(name, ".") || !filepath.IsLocal(name) {
		return "", fmt.Errorf("the server's name for it is %s: choose another one with -o", shown(file.Filename))
	}
	return filepath.Join(dir, name), nil
}

func (c *getCmd) display(env *environment, file *api.File) display {
	if c.Quiet {
		return &quiet{env: env}
	}
	// Its own bytes on the same terminal would be in the way of bars.
	t := newTracker([]*item{{name: file.Filename, size: file.Bytes}})
	if screen := newScreen(env); screen != nil && !(c.Output == "-" && terminal(env.stdout) != nil) {
		return startBars(t, screen)
	}
	return startLines(env, t)
}
