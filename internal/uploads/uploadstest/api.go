// Package uploadstest holds what several packages test with: one suite for each
// interface, which every implementation runs, and stores that check and fail.
package uploadstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"uploadd/api"
)

// TestAPI holds an implementation of api.API to its contract: the domain by
// itself, the client in front of a server, the official SDKs. open returns one
// that acts for a project of which nobody else knows; its limits are the
// defaults.
func TestAPI(t *testing.T, open func(*testing.T) api.API) {
	for name, test := range map[string]func(*testing.T, api.API){
		"Parts in parallel, order decided at the end": testLifeCycle,
		"Create refuses bad requests":                 testCreateUploadRefuses,
		"Parts of every size":                         testPartSizes,
		"A failed completion changes nothing":         testFailedCompletion,
		"A completion can be repeated":                testRepeatedCompletion,
		"Final states are final":                      testFinalStates,
		"Parts not named are dropped":                 testPartsNotNamed,
		"An empty file":                               testEmptyFile,
		"Expiry of files":                             testFileExpiry,
		"Files":                                       testFiles,
		"Create file refuses bad requests":            testCreateFileRefuses,
		"List of files":                               testListFiles,
		"Content in ranges":                           testContent,
		"Looking at uploads":                          testLookingAtUploads,
		"Concurrent ends of an upload":                testConcurrentEnds,
		"Unknown ids":                                 testUnknownIDs,
		"Usage":                                       testUsage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

var background = context.Background()

// Must returns v, and ends the test on an error.
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

// WantError ends the test unless err is of the kind, and about param ("" for any).
func WantError(t testing.TB, err error, kind *api.Error, param string) *api.Error {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one of status %d and code %q", err, kind.Status, kind.Code)
	}
	if param != "" && e.Param != param {
		t.Errorf("error %q is about %q, want %q", e.Message, e.Param, param)
	}
	return e
}

// Random returns n bytes that are always the same for a seed.
func Random(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func create(t testing.TB, a api.API, bytes int64) *api.Upload {
	t.Helper()
	return Must(a.CreateUpload(background, api.CreateUploadRequest{
		Filename: "training.jsonl", Purpose: "fine-tune", Bytes: bytes, MimeType: "text/jsonl",
	}))(t)
}

func add(t testing.TB, a api.API, upload string, data []byte) string {
	t.Helper()
	return Must(a.AddPart(background, upload, bytes.NewReader(data)))(t).ID
}

func complete(a api.API, upload string, ids ...string) (*api.Upload, error) {
	return a.CompleteUpload(background, upload, api.CompleteUploadRequest{PartIDs: ids})
}

// Read returns the bytes of a File.
func Read(t testing.TB, a api.API, id string) []byte {
	t.Helper()
	c := Must(a.OpenFile(background, id))(t)
	defer c.Close()
	return Must(io.ReadAll(c))(t)
}

func createFile(t testing.TB, a api.API, name, purpose, data string) *api.File {
	t.Helper()
	return Must(a.CreateFile(background, strings.NewReader(data), describe(name, purpose)))(t)
}

func describe(name, purpose string) func() (api.CreateFileRequest, error) {
	return func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: name, Purpose: purpose}, nil
	}
}
