package main

import (
	"context"
	"fmt"
	"sync"
)

// failures are those of single files of many. It is safe for concurrent use.
type failures struct {
	env   *environment
	mu    sync.Mutex
	count int
}

// add names one.
func (f *failures) add(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	fmt.Fprintf(f.env.stderr, "upload: %s: %s\n", shown(name), message(err))
}

// printed prints what succeeded.
func (f *failures) printed(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintln(f.env.stdout, shown(id))
}

// err is what the command returns in the end.
func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.env.ctx.Err() != nil:
		return context.Canceled
	case f.count > 0:
		return errReported
	}
	return nil
}
