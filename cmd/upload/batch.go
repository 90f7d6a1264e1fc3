package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"uploadd/api"
	"uploadd/client/transfer"
)

// batch sends several files by one uploader, and tells of them in the order in
// which they were named.
type batch struct {
	env      *environment
	uploader *transfer.Uploader
	items    []*item
	request  transfer.Request
	report   reporter
	room     int // Parts that may be under way

	mu      sync.Mutex
	changed *sync.Cond
	index   map[string]int // of items, by name
	parts   []int          // of each that is being sent, how many have not arrived
	busy    int            // all of them
	results []*result      // nil until it has ended
	told    int            // how many of results have been told of
	stopped bool           // no more are begun
}

type result struct {
	file *api.File
	err  error
}

// send sends all of them.
func (b *batch) send() error {
	b.changed = sync.NewCond(&b.mu)
	b.parts, b.results = make([]int, len(b.items)), make([]*result, len(b.items))
	b.index = map[string]int{}
	for i, it := range b.items {
		b.index[it.name] = i
	}
	defer context.AfterFunc(b.env.ctx, b.stop)()
	var sending sync.WaitGroup
	for i, it := range b.items {
		if !b.begin(i) {
			break
		}
		sending.Go(func() {
			file, err := it.send(b.env.ctx, b.uploader, b.request, b.env)
			b.end(i, &result{file, err})
		})
	}
	sending.Wait()
	b.tell(true)
	return b.outcome()
}

// begin waits until the files under way do not fill the room. A large file does
// for most of its time, and small ones do when there are many: that way a few
// are finished soon, rather than all of them late.
func (b *batch) begin(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.stopped && b.busy >= b.room {
		b.changed.Wait()
	}
	if b.stopped {
		return false
	}
	parts := 1
	if it := b.items[i]; it.size >= 0 && it.err == nil {
		if plan, err := b.uploader.Plan(it.size); err == nil {
			parts = max(plan.Parts, 1)
		}
	}
	b.setParts(i, parts)
	return true
}

func (b *batch) setParts(i, n int) {
	b.busy += n - b.parts[i]
	b.parts[i] = n
	b.changed.Broadcast()
}

func (b *batch) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.changed.Broadcast()
}

func (b *batch) end(i int, r *result) {
	// What an interruption cut off is summed up at the end, but not where a file may be
	// there all the same.
	if r.err != nil && (b.env.ctx.Err() == nil || errors.Is(r.err, transfer.ErrUnknownOutcome)) {
		b.report.failed(b.items[i].name, r.err)
	}
	b.mu.Lock()
	b.results[i] = r
	b.setParts(i, 0)
	b.stopped = b.stopped || hopeless(r.err)
	b.mu.Unlock()
	b.tell(false)
}

// hopeless says whether the other files would fail as well.
func hopeless(err error) bool {
	return errors.Is(err, api.ErrUnauthorized) || errors.Is(err, transfer.ErrNoProgress)
}

// tell reports the files that are there, as far as all before them have ended.
func (b *batch) tell(all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; b.told < len(b.results); b.told++ {
		r := b.results[b.told]
		if r == nil && !all {
			return
		}
		if r != nil && r.err == nil {
			b.report.done(b.items[b.told].name, r.file)
		}
	}
}

// progress is what the uploader tells.
func (b *batch) progress(p transfer.Progress) {
	b.mu.Lock()
	if i, ok := b.index[p.Name]; ok && b.results[i] == nil && p.PartsTotal > 0 {
		b.setParts(i, max(p.PartsTotal-p.Parts, 1))
	}
	b.mu.Unlock()
	b.report.progress(p)
}

// outcome says what has not been said of single files, and makes an error of it.
func (b *batch) outcome() error {
	var s summary
	var lines []string
	for i, r := range b.results {
		switch {
		case r != nil && r.err == nil:
			s.Sent++
			s.Bytes += r.file.Bytes
		case r != nil && (!errors.Is(r.err, context.Canceled) || errors.Is(r.err, transfer.ErrUnknownOutcome)):
			s.Failed++
		default:
			s.Unsent++
			if r == nil {
				break
			}
			if incomplete, ok := resumable(r.err); ok {
				lines = append(lines, fmt.Sprintf("upload: %s: %s", shown(b.items[i].name), arrived(incomplete)))
			}
		}
	}
	b.report.close(s)
	switch {
	case b.env.ctx.Err() != nil:
		again := ""
		if len(lines) > 0 {
			again = "; the same command sends the rest, and only that"
		}
		lines = append(lines, fmt.Sprintf("upload: interrupted: %s not sent%s", plural(s.Unsent, "file"), again))
	case s.Unsent > 0:
		lines = append(lines, fmt.Sprintf("upload: %s not sent, as they would fail as well", plural(s.Unsent, "more file")))
	}
	for _, line := range lines {
		fmt.Fprintln(b.env.stderr, line)
	}
	switch {
	case b.env.ctx.Err() != nil:
		return context.Canceled
	case s.Failed > 0 || s.Unsent > 0:
		return errReported
	}
	return nil
}

// resumable says whether a next run goes on with what err has cut off.
func resumable(err error) (*transfer.Incomplete, bool) {
	var incomplete *transfer.Incomplete
	ok := errors.As(err, &incomplete) && incomplete.Resumable
	return incomplete, ok
}
