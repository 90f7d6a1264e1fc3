// Package observe tells of every call of the stores that the domain makes: how it
// ends, and so how long it took. It knows nothing of who listens.
package observe

import (
	"context"
	"errors"
	"io/fs"

	"uploadd/api"
	"uploadd/internal/uploads"
)

// Observer is told of each call of a store as it begins: store is "meta" or "blobs",
// operation the name of the method in lower case, with underscores between its words.
// It may add to the context that the call is made with. The function that it returns is
// told how the call ended; what the error says of the store, [Failed] knows.
// Observers are called by many goroutines at once.
type Observer func(ctx context.Context, store, operation string) (context.Context, func(error))

// Stores by their names.
const (
	StoreMeta  = "meta"
	StoreBlobs = "blobs"
)

// Failed says whether an error of a store is its failure. It is not where the store has
// answered, and the answer is no: there is no such record, somebody else was faster, or
// a project holds what it may. Nor is it where the client is to blame, whose body broke
// off or was refused while it was stored, or who left. A full disk is a failure, and so is a
// store that took too long.
func Failed(err error) bool {
	if err == nil {
		return false
	}
	for _, answer := range []error{
		fs.ErrNotExist, uploads.ErrConflict, uploads.ErrLostKey, uploads.ErrTooMuch, context.Canceled,
	} {
		if errors.Is(err, answer) {
			return false
		}
	}
	var quota *uploads.QuotaError
	var refused *api.Error // of the reader of a body: stores know none
	return !errors.As(err, &quota) && !errors.As(err, &refused)
}

// errPanicked is how a call ended that did not return.
var errPanicked = errors.New("the store panicked")

// told makes a call and tells o of it.
func told[T any](ctx context.Context, o Observer, store, operation string, do func(context.Context) (T, error)) (v T, err error) {
	ctx, end := o(ctx, store, operation)
	err = errPanicked
	defer func() { end(err) }()
	v, err = do(ctx)
	return v, err
}
