package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"uploadd/api"
)

// patient waits a while when the server has too much to do, and asks again. Its
// requests are those that may be repeated. A server that cannot be reached is
// reported at once: somebody waits for the answer.
type patient struct {
	api.API
	env *environment
}

const (
	mostAttempts = 5
	firstPause   = 500 * time.Millisecond
	mostPause    = 30 * time.Second
)

func again[T any](ctx context.Context, p patient, do func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		got, err := do()
		var refused *api.Error
		if !errors.As(err, &refused) || !passing(refused) || attempt == mostAttempts {
			return got, err
		}
		wait := min(max(firstPause<<attempt, time.Duration(refused.RetryAfter)*time.Second), mostPause)
		fmt.Fprintf(p.env.stderr, "upload: again in %s: %s\n", clock(wait), message(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
}

// passing says whether the same request may do better later.
func passing(e *api.Error) bool {
	if e.ShouldRetry != "" {
		return e.ShouldRetry == "true"
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= 500 && e.Status != http.StatusNotImplemented
}

func (p patient) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	return again(ctx, p, func() (*api.List[api.File], error) { return p.API.ListFiles(ctx, q) })
}

func (p patient) GetFile(ctx context.Context, id string) (*api.File, error) {
	return again(ctx, p, func() (*api.File, error) { return p.API.GetFile(ctx, id) })
}

func (p patient) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	return again(ctx, p, func() (*api.DeletedFile, error) { return p.API.DeleteFile(ctx, id) })
}

func (p patient) ListUploads(ctx context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	return again(ctx, p, func() (*api.List[api.Upload], error) { return p.API.ListUploads(ctx, q) })
}

func (p patient) GetUpload(ctx context.Context, id string) (*api.Upload, error) {
	return again(ctx, p, func() (*api.Upload, error) { return p.API.GetUpload(ctx, id) })
}

func (p patient) ListParts(ctx context.Context, id string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	return again(ctx, p, func() (*api.List[api.PartInfo], error) { return p.API.ListParts(ctx, id, q) })
}

func (p patient) CancelUpload(ctx context.Context, id string) (*api.Upload, error) {
	return again(ctx, p, func() (*api.Upload, error) { return p.API.CancelUpload(ctx, id) })
}
