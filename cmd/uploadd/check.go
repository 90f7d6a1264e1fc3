package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/dustin/go-humanize"

	"uploadd/internal/uploads"
)

type checkCmd struct {
	storeFlags
	ReadData bool `help:"Read every byte and hold it against its checksum."`
}

func (c *checkCmd) Run(env *environment) error {
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	checker := uploads.Checker{
		Meta:     st.meta,
		Blobs:    st.blobs,
		Keys:     st.keys(),
		ReadData: c.ReadData,
		Report:   func(fault string) { fmt.Fprintln(env.stdout, fault) },
		Now:      st.now().Unix(),
	}
	s, err := checker.Check(env.ctx)
	if err != nil {
		return err
	}
	how := "present"
	if c.ReadData {
		how = "read"
	}
	fmt.Fprintf(env.stdout, "%d files, %d parts, %s %s: %d faults\n", s.Files, s.Parts, humanize.IBytes(uint64(s.Bytes)), how, s.Faults)
	if s.Faults > 0 {
		return errFaults
	}
	return nil
}

type gcCmd struct {
	storeFlags
	Now bool `help:"Remove what is due."`
}

func (c *gcCmd) Run(env *environment) error {
	if c.Now {
		return c.clean(env)
	}
	st, err := c.openForReading(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	var blobs, due int
	var bytes uint64
	now := st.now().Unix()
	for after := ""; ; {
		entries, err := st.meta.Bin(env.ctx, after, 1000)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			after = e.Key
			n, err := st.blobs.Size(env.ctx, e.Key)
			if errors.Is(err, fs.ErrNotExist) {
				continue // reserved, and nothing stored under it yet
			}
			if err != nil {
				return err
			}
			blobs++
			bytes += uint64(n)
			state := "due " + humanize.RelTime(time.Unix(e.Due, 0), time.Unix(now, 0), "ago", "from now")
			if e.Due <= now {
				due++
			}
			fmt.Fprintf(env.stdout, "%s  %9s  %s\n", e.Key, humanize.IBytes(uint64(n)), state)
		}
	}
	fmt.Fprintf(env.stdout, "%d blobs, %s: %d of them are due\n", blobs, humanize.IBytes(bytes), due)
	return nil
}

func (c *gcCmd) clean(env *environment) error {
	st, err := c.openForChange(env.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	n, err := uploads.New(uploads.Config{Meta: st.meta, Blobs: st.blobs, Settle: st.settle, Hold: st.mayDelete, Wall: st.meta.Wall()}).Clean(env.ctx)
	fmt.Fprintf(env.stdout, "%d entries removed from the bin\n", n)
	return err
}
