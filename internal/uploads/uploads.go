// Package uploads is the domain: what an Upload is, how it may change, and how
// it becomes a File. It knows neither HTTP nor SQL. A [Service] serves all
// projects; [Service.For] is the API of one of them.
//
// The order of writes is the invariant that everything rests on:
//
//  1. a blob's key is in the bin before its first byte is stored;
//  2. the blob is on stable storage before its record takes the key out of
//     the bin;
//  3. a record that lets go of a blob puts its key back into the bin in the
//     same transaction;
//  4. only the janitor deletes blobs, and only those in the bin.
//
// So a crash at any point leaves no blob that is neither referred to nor in
// the bin, and no record without its blob.
package uploads

import (
	"errors"
	"io/fs"
	"log/slog"
	"syscall"
	"time"

	"uploadd/api"
)

// Config is what a Service is made of. Meta and Blobs are required; zero
// values elsewhere take the defaults.
type Config struct {
	Meta  Meta
	Blobs Blobs

	UploadTTL time.Duration // how long an Upload stays open; an hour
	MaxPart   int64         // bytes; api.MaxPart
	MaxUpload int64         // bytes; api.MaxUpload
	MaxFile   int64         // bytes of a File made in one piece; api.MaxFile

	// Grace is how long the bytes of what was cancelled, expired or deleted
	// stay on disk, for the downloads that already read them; 10 s.
	Grace time.Duration
	// Settle is how long after a Put was given up, or had to be repeated, its bytes
	// may still appear. No key is deleted and forgotten sooner, so it is the least of
	// Grace. 0 is right for a disk, an hour for a store behind a network.
	Settle time.Duration
	// Lease is how long a blob may take from its reservation to its record; 24 h.
	Lease time.Duration
	// Remote says that each look at Blobs costs a request. A File is then opened
	// without asking for the size of each of its blobs; that they are there shows when
	// they are read.
	Remote bool
	// Exclusive says that no other process uses the stores: reservations found
	// at the start are then those of a process that is gone.
	Exclusive bool

	// Validators look at the content of a File before it is made, by its purpose. nil
	// takes any content for any purpose.
	Validators map[string]Validator

	// Hold asks whether blobs may be deleted now, and returns how to say that the
	// deletion is over; nil while a back-up copies, and they may not. A nil Hold
	// allows it always.
	Hold func() (release func(), err error)

	// Now is the time by which everything lives and ends; a clock that follows
	// Wall, but does not leap with it.
	Now func() time.Time
	// Wall is the clock that all who use the stores have in common; that of this
	// machine.
	Wall func() time.Time
	Log  *slog.Logger // nil logs nothing
}

// Service keeps Uploads and Files in its stores. It has no state of its own
// besides reserved keys, MD5s that it could read again, and a count of what is on its
// way: any number may work on the same stores.
type Service struct {
	Config
	keys    *keyring
	md5s    *runningMD5s
	flights *flights
	lookout *lookout
	bench   bench
}

// New returns a Service. The caller runs [Service.Janitor] beside it.
func New(c Config) *Service {
	setDefault(&c.UploadTTL, time.Hour)
	setDefault(&c.MaxPart, api.MaxPart)
	setDefault(&c.MaxUpload, api.MaxUpload)
	setDefault(&c.MaxFile, api.MaxFile)
	setDefault(&c.Grace, 10*time.Second)
	setDefault(&c.Lease, 24*time.Hour)
	c.Grace = max(c.Grace, c.Settle)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = systemClock(c.Wall, c.Log).Now
	}
	return &Service{
		Config:  c,
		keys:    &keyring{meta: c.Meta, now: c.Now, lease: c.Lease},
		md5s:    &runningMD5s{wanted: map[string]bool{}, uploads: map[string]*runningMD5{}},
		flights: &flights{bytes: map[string]int64{}},
		lookout: &lookout{},
		bench:   newBench(),
	}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// For returns the API of one project. Projects need not be made beforehand.
func (s *Service) For(project string) api.API { return s.As(Caller{Project: project}) }

// As returns the API of a caller's project, as far as the caller's key reaches.
func (s *Service) As(c Caller) api.API { return &tenant{Service: s, caller: c} }

func (s *Service) now() int64 { return s.Now().Unix() }

// due is when the bytes of something that ends now may go.
func (s *Service) due(now int64) int64 { return now + int64(s.Grace/time.Second) }

// settled is when nothing appears any more of a Put that was over by now.
func (s *Service) settled(now int64) int64 { return now + int64(s.Settle/time.Second) }

// tenant is the API of one project. Its methods are in upload.go, part.go,
// complete.go and file.go.
type tenant struct {
	*Service
	caller Caller
}

// storeError turns an error of a store into one the caller may see. What it
// does not know stays an internal error.
func storeError(err error) error {
	var quota *QuotaError
	var store interface{ Unavailable() bool }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &quota):
		return quotaError(quota)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return api.Errorf(api.ErrStorageFull, "", "The server's storage is full.").
			WithCode(api.CodeStorageFull).WithRetryAfter(5).Because(err)
	case errors.Is(err, ErrLostKey):
		return api.Errorf(api.ErrUnavailable, "", "The server was too slow to keep what was sent. Please send it again.").
			WithRetryAfter(1).Because(err)
	case errors.Is(err, ErrUnavailable), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
		errors.As(err, &store) && store.Unavailable():
		return api.Errorf(api.ErrUnavailable, "", "The server's storage is not available at present.").
			WithRetryAfter(2).Because(err)
	}
	return err
}

// page turns the query of a list into that of the store.
func page(q *api.ListQuery) (Page, error) {
	if err := q.Normalize(); err != nil {
		return Page{}, err
	}
	return Page{After: q.After, Limit: q.Limit + 1, Desc: q.Order == "desc", Purpose: q.Purpose}, nil
}

// listError is the answer to an error of listing with q.
func listError(err error, q api.ListQuery) error {
	if errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.ErrInvalid, "after",
			"Invalid value for 'after': no object with id '%s' was found.", q.After)
	}
	return storeError(err)
}

// list makes a page of the wire out of records, of which the store was asked
// for one more than wanted.
func list[R, W any](records []R, limit int, wire func(*R) W, id func(*W) string) *api.List[W] {
	more := len(records) > limit
	records = records[:min(len(records), limit)]
	data := make([]W, len(records))
	for i := range records {
		data[i] = wire(&records[i])
	}
	return api.NewList(data, more, id)
}
