package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// deleteBatch is the most that one request may delete.
	deleteBatch = 1000
	// deleters is how many requests are under way where each deletes one object.
	deleters = 8
)

// Delete removes blobs and returns those that the store says are gone. A key that is
// not there is gone.
func (s *S3) Delete(ctx context.Context, keys []string) (gone []string, err error) {
	names := make(map[string]string, len(keys)) // to keys
	for _, key := range keys {
		name, nerr := s.name(key)
		if nerr != nil {
			err = errors.Join(err, nerr)
			continue
		}
		names[name] = key
	}
	var all []string
	for name := range names {
		all = append(all, name)
	}
	for batch := range slices.Chunk(all, deleteBatch) {
		deleted, derr := s.deleteBatch(ctx, batch)
		for _, name := range deleted {
			gone = append(gone, names[name])
		}
		err = errors.Join(err, derr)
	}
	return gone, err
}

func (s *S3) deleteBatch(ctx context.Context, names []string) (gone []string, err error) {
	if !s.singly.Load() {
		gone, err = s.deleteTogether(ctx, names)
		if err == nil || !refused(err) {
			return gone, err
		}
		s.singly.Store(true)
	}
	return s.deleteSingly(ctx, names)
}

// refused says whether a store does not know a request, or not so.
func refused(err error) bool {
	var e *requestError
	return errors.As(err, &e) && !e.passes && e.status != 0 &&
		e.status != http.StatusForbidden && e.status != http.StatusUnauthorized && e.status != http.StatusNotFound
}

// deleteTogether deletes by one request. Gone is what its answer names as gone: the
// rest is not, whatever the status.
func (s *S3) deleteTogether(ctx context.Context, names []string) (gone []string, err error) {
	objects := make([]types.ObjectIdentifier, len(names))
	asked := make(map[string]bool, len(names))
	for i, name := range names {
		objects[i].Key = aws.String(name)
		asked[name] = true
	}
	var out *s3.DeleteObjectsOutput
	err = s.retry(ctx, func(int) (err error) {
		out, err = s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: aws.String(s.bucket), Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(false)}})
		return explain(ctx, "DeleteObjects", s.prefix, err)
	})
	if err != nil {
		return nil, err
	}
	for _, d := range out.Deleted {
		if name := aws.ToString(d.Key); asked[name] {
			delete(asked, name)
			gone = append(gone, name)
		}
	}
	for _, e := range out.Errors {
		name, code := aws.ToString(e.Key), aws.ToString(e.Code)
		if !asked[name] {
			continue
		}
		delete(asked, name)
		if code == "NoSuchKey" {
			gone = append(gone, name)
			continue
		}
		err = errors.Join(err, fmt.Errorf("DeleteObjects %s: %s: %s", name, code, aws.ToString(e.Message)))
	}
	if len(asked) > 0 {
		err = errors.Join(err, fmt.Errorf("DeleteObjects: the answer does not say what became of %d of %d objects", len(asked), len(names)))
	}
	return gone, err
}

func (s *S3) deleteSingly(ctx context.Context, names []string) (gone []string, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	for range deleters {
		wg.Go(func() {
			for name := range next {
				derr := s.deleteOne(ctx, name)
				mu.Lock()
				if derr == nil {
					gone = append(gone, name)
				}
				err = errors.Join(err, derr)
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	wg.Wait()
	return gone, err
}

func (s *S3) deleteOne(ctx context.Context, name string) error {
	err := s.retry(ctx, func(int) error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(name)})
		return explain(ctx, "DeleteObject", name, err)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
