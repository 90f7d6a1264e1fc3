// Package hooks tells others what happens to Uploads and Files: it delivers events to the
// URLs that the operator gave, signed as Standard Webhooks has it.
//
// An event is recorded in the transaction of what happened, once for each hook that wants
// it. Whichever node finds it due claims it for as long as a lease lasts, sends it, and
// forgets it when it has arrived. Who dies in between leaves it to the others, so it may
// arrive twice, under the same id. Nothing is sent in any order.
package hooks

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"uploadd/internal/uploads"
)

// Store keeps hooks, and the events that they are yet to be told. Every method is one
// atomic step that is on stable storage when it returns nil; those that change something
// let go of space, and are taken on a full disk. Times are Unix seconds; a missing record
// is fs.ErrNotExist.
type Store interface {
	// DueHooks returns the active hooks for which an event is due at now.
	DueHooks(ctx context.Context, now int64) ([]Hook, error)
	// ClaimEvents returns at most limit events of a hook that are due at now, with the
	// records that they are about. They are due again at again: until then nobody else
	// is given them.
	ClaimEvents(ctx context.Context, hook string, now, again int64, limit int) ([]Event, error)
	// ForgetEvent removes an event that has arrived.
	ForgetEvent(ctx context.Context, e *Event) error
	// RepeatEvent makes a claimed event due at due, or gives it up if due is 0, unless
	// somebody else has claimed it since. A why that is not empty is what the hook
	// failed with last.
	RepeatEvent(ctx context.Context, e *Event, now, due int64, why string) error
	// EndHook ends a hook that wants to be told no more, and gives up what it was yet
	// to be told. It says whether the hook had not ended before.
	EndHook(ctx context.Context, id string, now int64, why string) (ended bool, err error)
	// FreeEvents makes due at now what a process that is gone was sending, and what is
	// due after horizon, by a clock that has been set back since.
	FreeEvents(ctx context.Context, now, horizon int64) error
	// TidyHooks forgets events that were given up and happened before before, and hooks
	// that ended before it.
	TidyHooks(ctx context.Context, before int64) error
	// Announced has something to be received when this process has recorded events.
	Announced() <-chan struct{}
}

// Type is what happened.
type Type string

const (
	UploadCompleted Type = "upload.completed"
	UploadExpired   Type = "upload.expired"
	FileDeleted     Type = "file.deleted"
	// Test is sent by `uploadd hooks test`, and is about nothing.
	Test Type = "hook.test"
)

// Why a File was deleted.
const (
	Requested = "requested"
	Expired   = "expired"
)

// Types are those that a hook can be told of.
type Types []Type

// AllTypes are all of them.
var AllTypes = Types{UploadCompleted, UploadExpired, FileDeleted}

func (t Types) String() string {
	names := make([]string, len(t))
	for i := range t {
		names[i] = string(t[i])
	}
	return strings.Join(names, ",")
}

// UnmarshalText reads types separated by commas.
func (t *Types) UnmarshalText(text []byte) error {
	*t = nil
	for name := range strings.SplitSeq(string(text), ",") {
		if !slices.Contains(AllTypes, Type(name)) {
			return fmt.Errorf("'%.40s' is no event: take some of %s", name, AllTypes)
		}
		if !slices.Contains(*t, Type(name)) {
			*t = append(*t, Type(name))
		}
	}
	return nil
}

// Status is what became of a hook.
type Status string

const (
	Active  Status = "active"
	Gone    Status = "gone"    // its endpoint said so
	Removed Status = "removed" // by the operator
)

// Hook is who is told of what happens in a project.
type Hook struct {
	ID        string
	Project   string
	URL       string
	Events    Types
	Secret    Secret
	OldSecret Secret // signs as well until OldUntil
	OldUntil  int64
	Status    Status
	CreatedAt int64
	FailedAt  int64 // the last time that a delivery failed, 0 for never
	Failure   string
}

// NewHook gives h an id and a secret.
func NewHook(h *Hook) {
	h.ID, h.Secret, h.Status = "hook_"+strings.ToLower(rand.Text()[:16]), NewSecret(), Active
}

// Listed is a hook with what it is yet to be told.
type Listed struct {
	Hook          // without its secrets
	Pending int64 // events
	GivenUp int64 // events of the last 30 days
}

// Secret signs what is sent to a hook. It says itself only when asked by name.
type Secret []byte

const secretLength = 32 // bytes

// NewSecret makes one.
func NewSecret() Secret {
	s := make(Secret, secretLength)
	rand.Read(s) // never fails, says its documentation
	return s
}

const secretPrefix = "whsec_"

// Text is the secret as receivers want it.
func (s Secret) Text() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

func (Secret) String() string   { return secretPrefix + "[secret]" }
func (Secret) GoString() string { return secretPrefix + "[secret]" }

// MarshalText is what JSON and logs show.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Event is something that happened, and one hook is yet to be told.
type Event struct {
	Hook     string // its id
	Type     Type
	Object   string // the id of the Upload or File that it happened to
	Reason   string // why a File was deleted
	At       int64
	Attempts int // to tell it, with the present one

	// The records that it is about, nil where there is none: an Upload and the File
	// that it became, or a File.
	Upload *uploads.Upload
	File   *uploads.File
}

// ID is made of what happened, which happens once: it is the same for every attempt, and
// for every hook.
func (e *Event) ID() string {
	sum := sha256.Sum256([]byte(string(e.Type) + " " + e.Object))
	return "evt_" + hex.EncodeToString(sum[:16])
}
