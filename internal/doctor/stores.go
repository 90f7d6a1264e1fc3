package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/uploads"
)

// stores looks at what records and bytes say of each other, and at the keys.
func (e *exam) stores(ctx context.Context) {
	apart := e.Meta != "" || e.Blobs != "" // what is in one directory has come there together
	if apart && (!isS3(e.Blobs) || e.bucket != nil) {
		e.try(ctx, "stores.paired", func(ctx context.Context) found {
			// Each check opens the records for itself: one that is left behind has its own.
			m, err := e.openRecords(ctx)
			if err != nil {
				return judgeUnopened(err)
			}
			defer m.Close()
			return e.paired(ctx, m)
		})
	}
	e.try(ctx, "access.keys", func(ctx context.Context) found {
		any := false
		m, err := e.openRecords(ctx)
		if err == nil {
			defer m.Close()
			any, err = m.AnyKey(ctx)
		}
		if err != nil && !nothingYet(err) {
			return judgeUnopened(err)
		}
		return judgeKeys(any, e.Local)
	})
	if e.bucket != nil {
		e.bucket.Close()
	}
}

// openRecords opens them for reading.
func (e *exam) openRecords(ctx context.Context) (*meta.Store, error) {
	if e.Meta != "" {
		return meta.OpenPostgresReadOnly(ctx, e.Meta)
	}
	path := filepath.Join(e.Data, databaseName)
	if _, err := os.Stat(path); err != nil { // opening would make it
		return nil, err
	}
	return meta.OpenSQLiteReadOnly(path)
}

// nothingYet says whether err is records that no server has made.
func nothingYet(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, meta.ErrEmpty)
}

func judgeUnopened(err error) found {
	if nothingYet(err) {
		return fine("no records yet")
	}
	return doubt("see to the records first", "not known, as the records cannot be read: %v", err)
}

func (e *exam) paired(ctx context.Context, m *meta.Store) found {
	key, stored, err := m.MarkerKnown(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return fine("no server has brought records and bytes together yet")
	}
	var blobs uploads.Blobs
	if err == nil {
		blobs, err = e.openBytes()
	}
	known := false
	if err == nil {
		known, err = uploads.Paired(ctx, key, stored, blobs)
	}
	switch {
	case errors.Is(err, uploads.ErrStrangers), errors.Is(err, errNoBytes) && stored:
		return fault("name the bytes that these records are of by --blobs, or the records of these bytes by --meta or --data", "%v", err)
	case errors.Is(err, errNoBytes):
		return fine("no bytes yet")
	case err != nil:
		return fault("see to what is said above of records and bytes", "%v", err)
	case !known:
		return fine("no server has brought records and bytes together yet")
	}
	return fine("the bytes are those of these records")
}

// errNoBytes is a directory in which no server has kept any.
var errNoBytes = errors.New("the bytes are not those of these records: no server has kept any there")

func (e *exam) openBytes() (uploads.Blobs, error) {
	if e.bucket != nil {
		return e.bucket.Store(), nil
	}
	dir := e.blobDir()
	for _, path := range []string{"00", "ff"} { // opening would make them
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			return nil, errNoBytes
		}
	}
	return blob.OpenDisk(dir)
}

func judgeKeys(any, local bool) found {
	switch {
	case any:
		return fine("there are keys: nobody is let in without one")
	case local:
		return fine("no keys: whoever is on this machine is let in, and nobody else")
	}
	return fault("uploadd keys create --project NAME", "no keys, and others could reach the address: the server does not start")
}
