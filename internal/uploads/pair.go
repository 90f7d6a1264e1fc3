package uploads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Marked is a store of records that remembers which blobs are its own.
type Marked interface {
	// Marker returns the key of the blob by which these records know their blobs:
	// fresh if there was none. stored says that it was put there.
	Marker(ctx context.Context, fresh string) (key string, stored bool, err error)
	// MarkerStored notes that it was.
	MarkerStored(ctx context.Context) error
}

// markerPrefix begins the key of a marker. A Part's cannot be the same.
const markerPrefix = "marker_"

// ErrStrangers is records and blobs that do not belong together.
var ErrStrangers = errors.New("the bytes are not those of these records")

// Pair makes sure that blobs are those of the records, as they were when the first
// node began: of nodes that share records and were told different places for the
// bytes, each could read what it took itself, and nothing else.
func Pair(ctx context.Context, records Marked, blobs Blobs) error {
	key, stored, err := records.Marker(ctx, newHexID(markerPrefix))
	if err != nil {
		return err
	}
	if known, err := Paired(ctx, key, stored, blobs); known || err != nil {
		return err
	}
	if _, err := blobs.Put(ctx, key, strings.NewReader("These bytes belong to records of uploadd, which look for this.\n")); err != nil {
		// Another node may have been faster.
		if _, missing := blobs.Size(ctx, key); missing != nil {
			return err
		}
	}
	return records.MarkerStored(ctx)
}

// Paired says whether blobs are known to be those of the records whose marker has this
// key, and is stored or not: they are not known before the first node has begun. It changes nothing. Others are [ErrStrangers].
func Paired(ctx context.Context, key string, stored bool, blobs Blobs) (known bool, err error) {
	switch _, err := blobs.Size(ctx, key); {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	case stored:
		return false, fmt.Errorf("%w: there is no %s", ErrStrangers, key)
	}
	return false, nil
}
