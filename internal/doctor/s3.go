package doctor

import (
	"context"
	"time"

	"uploadd/internal/blob"
)

// bytes looks at the bucket that keeps them, if one does.
func (e *exam) bytes(ctx context.Context) {
	if !isS3(e.Blobs) {
		return
	}
	if !e.try(ctx, "s3.address", func(ctx context.Context) (f found) {
		var err error
		// Each request may be repeated, and the store is to be asked again in time.
		if e.bucket, err = blob.TryS3(ctx, e.Blobs, e.Patience/2); err != nil {
			return fault("write it like s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1 (docs/s3.md)", "%v", err)
		}
		return fine("the address and its settings are understood")
	}) {
		return
	}
	for _, q := range e.bucket.Questions() {
		ok := e.try(ctx, "s3."+q.Name, func(ctx context.Context) found { return answered(q.Ask(ctx)) })
		if !ok && q.Vital {
			e.clean(ctx)
			e.bucket = nil
			return
		}
	}
	e.clean(ctx)
	if ahead, known := e.bucket.Ahead(); known {
		e.try(ctx, "clock.bucket", func(context.Context) found { return judgeSkew(ahead.Round(time.Second), "the store's clock") })
	}
}

// clean removes what may be left. A store that does not delete has been told of.
func (e *exam) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	_ = e.bucket.Clean(ctx)
}

func answered(a blob.Answer, err error) found {
	switch {
	case err != nil:
		return fault(a.Do, "%v", err)
	case a.Doubt != "":
		return doubt(a.Do, "%s: %s", a.Saw, a.Doubt)
	}
	return fine("%s", a.Saw)
}
