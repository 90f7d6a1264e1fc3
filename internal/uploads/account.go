package uploads

import (
	"context"
	"fmt"
	"math"

	"uploadd/api"
)

// Caller is who asks. Everything is looked up in the Project; what is made is held
// by the Project, and by the Key as well.
type Caller struct {
	Project string
	Key     string // the id of the key, "" without one
	// OwnUploads keeps the caller to the Uploads that the Key made: others do not
	// exist for it.
	OwnUploads bool
}

// Limits is the most that a project or a key may hold. A limit of 0 allows
// nothing, [Unlimited] anything.
type Limits struct {
	Bytes    int64 // of Files, and reserved
	Files    int64 // with those that pending Uploads become
	Uploads  int64 // pending
	Requests int64 // a minute; kept by whoever lets requests in
}

// Unlimited is the limit that is none.
const Unlimited = math.MaxInt64

// DefaultLimits are those of a project of which nobody said otherwise. The bytes
// are those of OpenAI's projects.
var DefaultLimits = Limits{Bytes: 2_500_000_000_000, Files: Unlimited, Uploads: 10_000, Requests: 12_000}

// NoLimits are those of a key of which nobody said otherwise: it has its project's.
var NoLimits = Limits{Bytes: Unlimited, Files: Unlimited, Uploads: Unlimited, Requests: Unlimited}

// Account is what a project or a key holds and may hold. A pending Upload reserves
// what it declared, and what it was sent beyond that, and the File it becomes: so
// completing it can exceed nothing.
type Account struct {
	Kind   string // "project" or "key"
	ID     string // the project's name, or the key's id
	Limits Limits

	Bytes    int64 // of Files
	Reserved int64 // bytes, by pending Uploads
	Files    int64
	Uploads  int64 // pending
}

func (a Account) String() string { return a.Kind + " " + a.ID }

// QuotaError is a step that would make an Account hold more than it may.
type QuotaError struct {
	Account Account
	Of      string // which limit: "bytes", "files" or "uploads"
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%s would hold more %s than it may", e.Account, e.Of)
}

// Exceeded names the limit that more would exceed, "" for none.
func (a *Account) Exceeded(bytes, files, uploads int64) string {
	switch l := a.Limits; {
	case bytes > 0 && bytes > l.Bytes-a.Bytes-a.Reserved:
		return "bytes"
	case files+uploads > 0 && files+uploads > l.Files-a.Files-a.Uploads:
		return "files"
	case uploads > 0 && uploads > l.Uploads-a.Uploads:
		return "uploads"
	}
	return ""
}

// quotaError is what a QuotaError is to the caller. An Upload that ends makes room
// for another, so that trying again may do; Files stay.
func quotaError(e *QuotaError) error {
	l := e.Account.Limits
	switch e.Of {
	case "uploads":
		return api.Errorf(api.ErrTooManyRequests, "", "The %s has %d open uploads, and may have no more: complete or cancel some.",
			e.Account.Kind, l.Uploads).WithRetryAfter(5)
	case "files":
		return api.Errorf(api.ErrQuota, "", "The %s may hold at most %d files, and has as many: delete some.", e.Account.Kind, l.Files)
	}
	return api.Errorf(api.ErrQuota, "bytes", "The %s may hold at most %d bytes, and this would be more: delete files, or cancel uploads.",
		e.Account.Kind, l.Bytes)
}

// room is how many bytes of a new File the accounts have room for, and of which of
// them there is the least. It is asked before any byte is read; the transaction that
// records the File asks again.
func room(accounts []Account) (int64, *Account, error) {
	room, least := int64(Unlimited), &Account{}
	for i := range accounts {
		a := &accounts[i]
		if of := a.Exceeded(0, 1, 0); of != "" {
			return 0, nil, quotaError(&QuotaError{*a, of})
		}
		if left := max(a.Limits.Bytes-a.Bytes-a.Reserved, 0); left < room {
			room, least = left, a
		}
	}
	return room, least, nil
}

func (t *tenant) Usage(ctx context.Context) (*api.Usage, error) {
	accounts, err := t.Meta.Accounts(ctx, t.caller)
	if err != nil {
		return nil, storeError(err)
	}
	usage := &api.Usage{Object: "usage"}
	for i := range accounts {
		if a := WireAccount(&accounts[i]); accounts[i].Kind == "key" {
			usage.Key = a
		} else {
			usage.Project = *a
		}
	}
	return usage, nil
}

// WireAccount is the Account as the wire shows it.
func WireAccount(a *Account) *api.Account {
	limit := func(n int64) *int64 {
		if n == Unlimited {
			return nil
		}
		return &n
	}
	return &api.Account{
		ID: a.ID, Bytes: a.Bytes, ReservedBytes: a.Reserved, Files: a.Files, Uploads: a.Uploads,
		Limits: api.AccountLimits{
			Bytes: limit(a.Limits.Bytes), Files: limit(a.Limits.Files),
			Uploads: limit(a.Limits.Uploads), RequestsPerMinute: limit(a.Limits.Requests),
		},
	}
}
