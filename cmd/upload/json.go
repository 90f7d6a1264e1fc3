package main

import (
	"fmt"
	"sync"
	"time"

	"uploadd/api"
	"uploadd/client/transfer"
)

// event is a line of --json. Names and meanings stay; new ones may be added.
type event struct {
	Event      string    `json:"event"`
	Time       time.Time `json:"time"`
	Name       string    `json:"name,omitempty"`
	Bytes      *int64    `json:"bytes,omitempty"`
	Total      *int64    `json:"total,omitempty"`
	Parts      *int      `json:"parts,omitempty"`
	PartsTotal *int      `json:"parts_total,omitempty"`
	UploadID   string    `json:"upload_id,omitempty"`
	Error      string    `json:"error,omitempty"`
	Wait       float64   `json:"wait,omitempty"` // in seconds
	Resumable  *bool     `json:"resumable,omitempty"`
	File       *api.File `json:"file,omitempty"`
	Summary    *summary  `json:"summary,omitempty"`
}

// events prints what happens as JSON. A file's bytes on their way are told of
// once a second.
type events struct {
	env *environment

	mu   sync.Mutex
	sent map[string]time.Time // when bytes on their way were last told of
}

func newEvents(env *environment) *events {
	return &events{env: env, sent: map[string]time.Time{}}
}

func (e *events) progress(p transfer.Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	switch p.Event {
	case transfer.Done:
		return // done tells of it
	case transfer.Sent:
		if now.Sub(e.sent[p.Name]) < time.Second {
			return
		}
		e.sent[p.Name] = now
	}
	ev := event{Event: string(p.Event), Time: now, Name: p.Name, Bytes: &p.Bytes, Total: &p.Total,
		Parts: &p.Parts, PartsTotal: &p.PartsTotal, UploadID: p.UploadID, Wait: p.Wait.Seconds()}
	if p.Err != nil {
		ev.Error = p.Err.Error()
	}
	e.print(ev)
}

func (e *events) done(name string, file *api.File) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.sent, name)
	e.print(event{Event: "done", Time: time.Now(), Name: name, File: file})
}

func (e *events) failed(name string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, again := resumable(err)
	e.print(event{Event: "failed", Time: time.Now(), Name: name, Error: err.Error(), Resumable: &again})
	fmt.Fprintln(e.env.stderr, failureLine(name, err))
}

func (e *events) close(s summary) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.print(event{Event: "summary", Time: time.Now(), Summary: &s})
}

// print has nobody to tell that standard output is gone: the files are sent all
// the same.
func (e *events) print(ev event) { _ = writeJSON(e.env.stdout, ev) }
