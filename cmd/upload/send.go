package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"uploadd/api"
	"uploadd/client/transfer"
)

type sendCmd struct {
	Files        []string `arg:"" name:"file" help:"Files to send; - is standard input."`
	Purpose      string   `default:"user_data" placeholder:"PURPOSE" help:"What the files are for: fine-tune, assistants, batch, user_data, vision or evals (${default})."`
	Filename     string   `placeholder:"NAME" help:"The name that the file gets, in place of its own. For one file, or standard input."`
	MimeType     string   `placeholder:"TYPE" help:"The media type, in place of the one that goes with the name's extension."`
	ExpiresAfter span     `placeholder:"DURATION" help:"When the server deletes the files, from 1h to 30d."`
	Recursive    bool     `short:"r" help:"Send what is in directories, too. Links in them are not followed."`
	PartSize     size     `placeholder:"SIZE" help:"The size of a part, up to 64MiB. By default it goes by the size of the file."`
	Parallel     int      `default:"0" placeholder:"N" help:"How many parts of all files are sent at a time, up to 64; 0 finds out (${default})."`
	LimitRate    size     `placeholder:"SIZE" help:"Send no more than this in a second, all files together."`
	NoResume     bool     `help:"Neither go on with what an earlier run has sent, nor note what this one sends."`
	NoMD5        bool     `name:"no-md5" help:"Do not have the server check the whole file by its MD5. Saves some 2 s of a processor per GiB."`
	DryRun       bool     `help:"Say what would be sent, and how, and send nothing."`
	JSON         bool     `name:"json" help:"Print what happens as JSON, one event a line, in place of the ids."`
	Quiet        bool     `short:"q" help:"Show no progress. Failures are named all the same."`
	serverFlag
}

func (sendCmd) Help() string {
	return "Prints the id of each file on a line of its own, in the order in which they were named. What went wrong is " +
		"named on standard error, and does not keep the others from being sent.\n\n" +
		"If it is interrupted, or the network or the machine fails, the same command sends only what is missing, " +
		"for as long as the server keeps it: an hour, as a rule. A file that was changed meanwhile is sent anew.\n\n" +
		"  upload big.jsonl --purpose=batch\n" +
		"  upload *.pdf --expires-after=24h > ids.txt\n" +
		"  upload --recursive papers/ --limit-rate=10MiB\n" +
		"  zcat dump.gz | upload - --filename=dump.sql\n\n" +
		"A file whose name is that of a command is sent with: upload send ls"
}

const maxParallel = 64

// Validate finds out what makes no sense before anything is done.
func (c *sendCmd) Validate() error {
	if err := api.ValidatePurpose(c.Purpose); err != nil {
		return fmt.Errorf("--purpose: %w", err)
	}
	switch {
	case c.PartSize > api.MaxPart:
		return fmt.Errorf("--part-size=%s: the largest part is %s", c.PartSize, size(api.MaxPart))
	case c.Parallel < 0 || c.Parallel > maxParallel:
		return fmt.Errorf("--parallel=%d: it must be from 0 to %d", c.Parallel, maxParallel)
	case c.ExpiresAfter != 0 && c.expiry().Validate() != nil:
		return fmt.Errorf("--expires-after: it must be from 1h to 30d")
	}
	return nil
}

func (c *sendCmd) expiry() *api.ExpiresAfter {
	if c.ExpiresAfter == 0 {
		return nil
	}
	return &api.ExpiresAfter{Anchor: "created_at", Seconds: int64(time.Duration(c.ExpiresAfter) / time.Second)}
}

func (c *sendCmd) Run(env *environment) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the ids may leave: the files are sent all the same
	items, err := c.collect(env)
	if err != nil {
		return err
	}
	u, err := c.uploader(env)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.plan(env, u, items)
	}
	b := &batch{
		env:      env,
		uploader: u,
		items:    items,
		request:  transfer.Request{Filename: c.Filename, Purpose: c.Purpose, MimeType: c.MimeType, ExpiresAfter: c.expiry()},
		report:   c.reporter(env, items),
		room:     c.Parallel,
	}
	if b.room == 0 {
		b.room = 16 // the most that the uploader takes by itself
	}
	u.Progress = b.progress
	return b.send()
}

func (c *sendCmd) uploader(env *environment) (*transfer.Uploader, error) {
	server, err := c.connect(env)
	if err != nil {
		return nil, err
	}
	u := &transfer.Uploader{
		Client:         server,
		PartSize:       int64(c.PartSize),
		Parallel:       c.Parallel,
		BytesPerSecond: int64(c.LimitRate),
		NoMD5:          c.NoMD5,
	}
	if !c.NoResume {
		u.Journal = c.journal(env)
	}
	return u, nil
}

// journal is where to note what has arrived; "" where that cannot be done, which
// is no reason to send nothing.
func (c *sendCmd) journal(env *environment) string {
	dir, err := journalDir(env)
	if err == nil && !c.DryRun {
		err = writable(dir)
	}
	if err != nil {
		fmt.Fprintf(env.stderr, "upload: warning: what has arrived cannot be noted, so nothing can be gone on with: %s\n", message(err))
		return ""
	}
	return dir
}

// writable makes a directory, and sees whether something can be written there.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (c *sendCmd) reporter(env *environment, items []*item) reporter {
	switch {
	case c.JSON:
		return newEvents(env)
	case c.Quiet:
		return &quiet{env: env}
	}
	t := newTracker(items)
	if screen := newScreen(env); screen != nil {
		return startBars(t, screen)
	}
	return startLines(env, t)
}

// journalDir is where runs note what has arrived.
func journalDir(env *environment) (string, error) {
	if dir := env.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "upload"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("where to note what has arrived: %w", err)
	}
	return filepath.Join(home, ".local", "state", "upload"), nil
}

// send sends one.
func (it *item) send(ctx context.Context, u *transfer.Uploader, req transfer.Request, env *environment) (*api.File, error) {
	switch {
	case it.err != nil:
		return nil, it.err
	case it.size >= 0:
		file, err := u.UploadFile(ctx, it.path, req)
		return file, reason(err)
	}
	req.Filename = it.name
	if it.path == "" {
		return u.UploadStream(ctx, env.stdin, req)
	}
	f, err := open(ctx, it.path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	return u.UploadStream(ctx, f, req)
}

// open opens a pipe, which waits for somebody who writes into it, or until ctx ends.
func open(ctx context.Context, path string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.f, reason(o.err)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
