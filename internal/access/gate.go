package access

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"uploadd/api"
	"uploadd/internal/uploads"
)

// Store keeps keys and the limits of projects. A missing record is fs.ErrNotExist.
type Store interface {
	// CreateKey records a key with the most that it may hold, and its project if
	// there is none of that name.
	CreateKey(ctx context.Context, k *Key, l uploads.Limits) error
	// Key returns a key, whatever became of it.
	Key(ctx context.Context, id string) (*Key, error)
	// Keys returns the keys of a project, or of all for "", the oldest first.
	Keys(ctx context.Context, project string) ([]Key, error)
	// RevokeKey ends a key for good. Repeating it changes nothing.
	RevokeKey(ctx context.Context, id string, now int64) error
	// AnyKey reports whether there ever was a key.
	AnyKey(ctx context.Context) (bool, error)

	// Accounts returns that of the caller's project, and that of its key.
	Accounts(ctx context.Context, by uploads.Caller) ([]uploads.Account, error)
	// Projects returns the accounts of all projects by name.
	Projects(ctx context.Context) ([]uploads.Account, error)
	// SetLimits changes what a project may hold, and makes the project if there is
	// none of that name.
	SetLimits(ctx context.Context, project string, now int64, set func(*uploads.Limits)) error

	// Events returns what the audit log holds of a project, or of all for "", after
	// the event with the sequence after.
	Events(ctx context.Context, project string, after int64, limit int) ([]Event, error)
}

// Event is a line of the audit log: who did what that cannot be undone.
type Event struct {
	Seq     int64
	At      int64 // Unix seconds
	Project string
	Key     string // the id of the key that did it, "" for the command line and the server itself
	Action  string // key.create, key.revoke, project.limits, file.delete, hook.create, hook.rotate, hook.remove, hook.gone
	Object  string // the id or name of what it was done to
	Detail  string // what it was made to be: scopes, end and limits
}

// fresh is how long a look at a key holds: so long a revoked one may still be let
// in. The promise is 10 s.
const fresh = 5 * time.Second

// Gate lets callers in. It is safe for concurrent use, and keeps nothing that is
// older than a few seconds: any number may stand before the same store.
type Gate struct {
	Store Store
	// API yields the API of a caller.
	API func(uploads.Caller) api.API
	// Open is the project of anybody at all as long as no key was ever made; ""
	// lets nobody in without a key.
	Open string
	// Now is the time by which keys end.
	Now func() time.Time

	mu      sync.Mutex
	keys    map[string]*entry // by id; only of keys that exist
	closed  bool              // a key was made once
	checked time.Time         // when closed was last looked up
	meters  map[string]*meter // of projects and keys
}

// entry is what is known of a key, for a while.
type entry struct {
	Key
	project, key int64 // requests a minute
	at           time.Time
}

// Pass lets one request through. Done ends it.
type Pass struct {
	API     api.API
	Project string
	Key     string                    // the id of the key, "" without one
	Allow   func(method string) error // says beforehand what API would say of the key's scopes
	Done    func()
}

// Request is what a request says of who sends it.
type Request struct {
	Key     string // its text; "" for none
	Project string // that the request names; "" for none
	Local   bool   // it is sent by a program of this machine, not by a page in a browser
}

// Admit lets a request in, or says why not: api.ErrUnauthorized for a key that will
// not do, api.ErrTooManyRequests, and api.ErrForbidden for a page that tries what
// it finds. With the error of a key that is right comes a Pass that says whose it is,
// and no more.
func (g *Gate) Admit(ctx context.Context, r Request) (*Pass, error) {
	open, err := g.open(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if open && !r.Local {
		return nil, api.Errorf(api.ErrForbidden, "",
			"While there are no keys, only requests to this machine by its loopback address or as localhost, and from no other origin, are answered. Make a key: uploadd keys create --project NAME")
	}
	if open {
		done, err := g.meter("project "+g.Open).enter(g.Now(), uploads.Unlimited)
		if err != nil {
			return nil, err
		}
		return &Pass{
			API: g.API(uploads.Caller{Project: g.Open}), Project: g.Open,
			Allow: func(string) error { return nil }, Done: done,
		}, nil
	}
	if r.Key == "" {
		return nil, api.Errorf(api.ErrUnauthorized, "",
			"You didn't provide an API key. Send one in the header 'Authorization: Bearer KEY'.")
	}
	e, err := g.find(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	pass := &Pass{Project: e.Project, Key: e.ID}
	if r.Project != "" && r.Project != e.Project {
		return pass, api.Errorf(api.ErrUnauthorized, "", "The header OpenAI-Project names another project than the key's.").
			WithCode(api.CodeProject)
	}
	if pass.Done, err = g.enter(e); err != nil {
		return pass, err
	}
	caller := uploads.Caller{Project: e.Project, Key: e.ID, OwnUploads: e.Scopes.ownUploads()}
	pass.API, pass.Allow = &restricted{g.API(caller), e.Scopes}, e.Scopes.Allow
	return pass, nil
}

// open says whether anybody at all is let in.
func (g *Gate) open(ctx context.Context) (bool, error) {
	if g.Open == "" {
		return false, nil
	}
	now := g.Now()
	g.mu.Lock()
	closed, known := g.closed, g.closed || now.Sub(g.checked).Abs() < fresh
	g.mu.Unlock()
	if known {
		return !closed, nil
	}
	closed, err := g.Store.AnyKey(ctx)
	if err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.checked = closed, now // it stays closed: keys are never deleted
	return !closed, nil
}

// find returns the key with that text, if it is alive. Whoever sends a key that is
// none learns nothing of why.
func (g *Gate) find(ctx context.Context, text string) (*entry, error) {
	now := g.Now()
	id, secret, ok := parseKey(text)
	if !ok {
		return nil, incorrectKey()
	}
	g.mu.Lock()
	e := g.keys[id]
	g.mu.Unlock()
	if e == nil || now.Sub(e.at).Abs() >= fresh {
		var err error
		if e, err = g.look(ctx, id, now); errors.Is(err, fs.ErrNotExist) {
			e = &entry{} // compared all the same: as long as with a key that exists
		} else if err != nil {
			return nil, unavailable(err)
		}
	}
	// A clock that does not leap may be behind the one of the wall for hours, and a key
	// ends by whichever comes first.
	if !e.opens(secret, max(now.Unix(), time.Now().Unix())) {
		return nil, incorrectKey()
	}
	return e, nil
}

// look reads a key from the store, and remembers it if it exists.
func (g *Gate) look(ctx context.Context, id string, now time.Time) (*entry, error) {
	k, err := g.Store.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	accounts, err := g.Store.Accounts(ctx, uploads.Caller{Project: k.Project, Key: k.ID})
	if err != nil {
		return nil, err
	}
	e := &entry{Key: *k, project: accounts[0].Limits.Requests, key: accounts[1].Limits.Requests, at: now}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys == nil {
		g.keys = map[string]*entry{}
	}
	g.keys[id] = e
	return e, nil
}

// enter counts a request for the key and for its project.
func (g *Gate) enter(e *entry) (done func(), err error) {
	now := g.Now()
	leaveKey, err := g.meter(e.ID).enter(now, e.key)
	if err != nil {
		return nil, err
	}
	leaveProject, err := g.meter("project "+e.Project).enter(now, e.project)
	if err != nil {
		leaveKey()
		return nil, err
	}
	return func() { leaveKey(); leaveProject() }, nil
}

// meter returns that of a key, by its id, or of a project.
func (g *Gate) meter(name string) *meter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.meters == nil {
		g.meters = map[string]*meter{}
	}
	m := g.meters[name]
	if m == nil {
		m = &meter{}
		g.meters[name] = m
	}
	return m
}

func incorrectKey() error {
	return api.Errorf(api.ErrUnauthorized, "", "Incorrect API key provided.").WithCode(api.CodeInvalidKey)
}

func unavailable(err error) error {
	return api.Errorf(api.ErrUnavailable, "", "Keys cannot be looked up at present.").WithRetryAfter(2).Because(err)
}
