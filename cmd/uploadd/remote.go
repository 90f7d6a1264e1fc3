package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"uploadd/internal/blob"
	"uploadd/internal/meta"
)

// storeFlags are shared by all commands that touch what is kept.
type storeFlags struct {
	dataFlag
	Meta  string `secret:"" placeholder:"URL" help:"Where the records are kept, if not in --data: postgres://USER@HOST/DATABASE, which any number of nodes may share."`
	Blobs string `secret:"" placeholder:"URL" help:"Where the bytes are kept, if not in --data: s3://BUCKET/PREFIX?endpoint=URL&region=NAME&path_style=true, with credentials as the AWS command line finds them; or a directory, which the nodes share."`

	// through is what requests to S3 go through; nil for nothing.
	through func(http.RoundTripper) http.RoundTripper
}

// validate refuses what cannot be meant.
func (f storeFlags) validate() error {
	if err := refusePlatform(); err != nil {
		return err
	}
	switch {
	case f.Meta != "" && !strings.HasPrefix(f.Meta, "postgres://") && !strings.HasPrefix(f.Meta, "postgresql://"):
		return fmt.Errorf("--meta=%s: write it like postgres://user@host/database", redactURL(f.Meta))
	case f.Meta != "" && f.Blobs == "":
		return errors.New("--meta says that nodes share the records, so they must share the bytes: say where those are with --blobs")
	case strings.Contains(f.Blobs, "://") && !isS3(f.Blobs):
		return fmt.Errorf("--blobs=%s: write it like s3://bucket/prefix, or name a directory", redactURL(f.Blobs))
	}
	return nil
}

func isS3(blobs string) bool { return strings.HasPrefix(blobs, "s3://") }

// openShared opens stores that other processes may have open too.
func (f storeFlags) openShared(ctx context.Context, records func(context.Context, string) (*meta.Store, error)) (*stores, error) {
	dir, err := filepath.Abs(f.Data)
	if err != nil {
		return nil, err
	}
	s := &stores{dir: dir, metaName: redactURL(f.Meta)}
	if err := f.openBlobs(ctx, s); err != nil {
		return nil, err
	}
	s.meta, err = records(ctx, f.Meta)
	if errors.Is(err, meta.ErrEmpty) {
		err = fmt.Errorf("%s %w: name the servers' database with --meta", s.metaName, errNoData)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the database of records: %w", err), s.blobs.Close())
	}
	return s, nil
}

// openBlobs opens what keeps the bytes.
func (f storeFlags) openBlobs(ctx context.Context, s *stores) (err error) {
	if isS3(f.Blobs) {
		s.blobsName = redactURL(f.Blobs)
		bucket, err := blob.OpenS3(ctx, f.Blobs, f.through)
		if err != nil {
			return fmt.Errorf("the bucket of blobs: %w", err)
		}
		s.blobs, s.settle = bucket, blob.Settle
		return nil
	}
	dir := blobDir(s.dir)
	if f.Blobs != "" {
		if dir, err = filepath.Abs(f.Blobs); err != nil {
			return err
		}
		s.blobsName = dir
	}
	if s.disk, err = blob.OpenDisk(dir); err != nil {
		return fmt.Errorf("the directory of blobs: %w", err)
	}
	s.blobs = s.disk
	return nil
}

// redactURL is a URL without what may be secret in it.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || !strings.Contains(text, "://") { // nobody knows where in it a secret is
		scheme, _, is := strings.Cut(text, "://")
		if !is {
			return "…"
		}
		return scheme + "://…"
	}
	u.RawQuery = ""
	return u.Redacted()
}
