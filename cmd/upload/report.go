package main

import (
	"fmt"
	"sync"

	"uploadd/api"
	"uploadd/client/transfer"
)

// reporter tells the user what happens. Its methods may be called at the same
// time. What it prints to standard output is what the command promises.
type reporter interface {
	// progress is called often, and must be quick.
	progress(p transfer.Progress)
	// done is called for the files that are there, in their order.
	done(name string, file *api.File)
	failed(name string, err error)
	// close ends the telling, and is called last.
	close(s summary)
}

// display is what of it goes to standard error.
type display interface {
	progress(p transfer.Progress)
	// finish is called for a file that is there.
	finish(name string, size int64)
	close(s summary)
}

// summary counts the files in the end.
type summary struct {
	Sent   int   `json:"sent"`
	Failed int   `json:"failed"`
	Unsent int   `json:"unsent"` // not tried, or interrupted
	Bytes  int64 `json:"bytes"`  // of those sent
}

// quiet prints ids and failures only.
type quiet struct {
	env *environment
	mu  sync.Mutex
}

func (q *quiet) progress(transfer.Progress) {}

func (q *quiet) done(_ string, file *api.File) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fmt.Fprintln(q.env.stdout, shown(file.ID))
}

func (q *quiet) failed(name string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fmt.Fprintln(q.env.stderr, failureLine(name, err))
}

func (q *quiet) finish(string, int64) {}

func (q *quiet) close(summary) {}

func failureLine(name string, err error) string {
	return fmt.Sprintf("upload: %s: %s", shown(name), explain(err))
}

// explain says what to do about an error, where there is something.
func explain(err error) string {
	if incomplete, ok := resumable(err); ok {
		return fmt.Sprintf("%s (%s; the same command sends the rest)", message(incomplete.Err), arrived(incomplete))
	}
	return message(err)
}

func arrived(e *transfer.Incomplete) string {
	return fmt.Sprintf("%s of %s have arrived", bytesText(e.Bytes), bytesText(e.Total))
}
