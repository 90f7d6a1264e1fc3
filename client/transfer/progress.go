package transfer

import (
	"sync"
	"time"

	"uploadd/api"
)

// Event is what a [Progress] is about.
type Event string

// The events of a call, in their order; Sent, PartDone and Retrying come as
// often as they happen. Whether a call failed is in what it returns.
const (
	Started    Event = "started"    // its size and Parts are known, and nothing has been sent
	Resumed    Event = "resumed"    // instead: Bytes and Parts are there from an earlier call
	Sent       Event = "sent"       // more bytes are on their way
	PartDone   Event = "part"       // one more Part has arrived
	Retrying   Event = "retrying"   // something failed, Err, and is tried again after Wait
	Restarted  Event = "restarted"  // what had arrived is of no use, because of Err: all of it is sent again
	Completing Event = "completing" // all has arrived; the File is asked for
	Done       Event = "done"       // the File is there, and what was sent
)

// Progress is one thing that happened during a call.
type Progress struct {
	Name  string // the path or Source.Name: what the call was asked to send
	Event Event
	// Bytes is how many have been sent, or were there already, of Total. It
	// falls when a Part breaks off and is sent again.
	Bytes, Total int64
	// Parts is how many have arrived of PartsTotal. A file sent by one request
	// is one Part.
	Parts, PartsTotal int
	UploadID          string        // "" until it is known, and for a file sent by one request
	Err               error         // of Retrying and Restarted: what failed
	Wait              time.Duration // of Retrying
	File              *api.File     // of Done
}

// often is how much time passes between two Sent at least.
const often = 100 * time.Millisecond

// reporter tells what happens, one thing at a time.
type reporter struct {
	tell func(Progress) // nil: nobody asks

	mu   sync.Mutex
	last time.Time // of the last Sent
}

// event takes a function so that no figure is older than those told before it.
func (r *reporter) event(what func() Progress) {
	if r.tell == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(what())
}

// sent is event for what happens all the time. Nobody waits to tell it.
func (r *reporter) sent(what func() Progress) {
	if r.tell == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.last) >= often {
		r.last = now
		r.tell(what())
	}
}
