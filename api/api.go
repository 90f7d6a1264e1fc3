// Package api is the contract of the Uploads and Files APIs: the wire types,
// the limits, the error vocabulary, and [API], the whole of it as one Go
// interface. The domain implements API over its stores; the client implements
// it over HTTP; the HTTP server needs nothing else.
//
// Field names, values and limits follow the OpenAI API description, version
// 2.3.0 (components CreateUploadRequest, Upload, UploadPart,
// CompleteUploadRequest, CreateFileRequest, OpenAIFile, ListFilesResponse,
// DeleteFileResponse, FileExpirationAfter, Error). What goes beyond it is
// called an extension in its comment.
package api

import (
	"context"
	"io"
)

// API is the Uploads and Files API for one project. A value never shows what
// belongs to another project: a foreign id and a missing one are the same
// [ErrNotFound].
//
// Every method may also fail with [ErrStorageFull], [ErrUnavailable] or
// [ErrInternal], and with [ErrForbidden] if the caller's key does not allow it.
// What makes an Upload, a Part or a File may fail with [ErrQuota] or
// [ErrTooManyRequests]. Conflicts of state are [ErrState], a 400 on the wire: the
// official SDKs retry a 409.
type API interface {
	// CreateUpload opens an Upload with status "pending" that expires after
	// the server's time to live, an hour by default.
	//
	// Errors: ErrInvalid.
	CreateUpload(ctx context.Context, req CreateUploadRequest) (*Upload, error)

	// GetUpload returns an Upload in whatever state it is (extension).
	//
	// Errors: ErrNotFound.
	GetUpload(ctx context.Context, id string) (*Upload, error)

	// ListUploads returns the project's Uploads (extension).
	//
	// Errors: ErrInvalid.
	ListUploads(ctx context.Context, q ListQuery) (*List[Upload], error)

	// AddPart stores data, read until EOF, as a Part of 1 byte to [MaxPart]
	// bytes. Nothing is read when the Upload cannot take a Part; nothing is
	// kept when data ends with an error other than io.EOF, which is returned
	// as it is. When AddPart returns nil the Part is on stable storage.
	//
	// Errors: ErrNotFound, ErrState, ErrInvalid (empty, or larger than the
	// Upload's declared bytes), ErrTooLarge.
	AddPart(ctx context.Context, uploadID string, data io.Reader) (*Part, error)

	// ListParts returns the Parts of an Upload with their sizes and checksums
	// (extension). A completed Upload lists the Parts its File consists of; a
	// cancelled or expired one has none.
	//
	// Errors: ErrNotFound, ErrInvalid.
	ListParts(ctx context.Context, uploadID string, q ListQuery) (*List[PartInfo], error)

	// CompleteUpload makes a File of exactly the named Parts, in the named
	// order. A failed completion changes nothing. Repeating a successful one
	// with the same Parts returns the same File.
	//
	// Errors: ErrNotFound, ErrState, ErrInvalid (unknown or repeated Part,
	// wrong total, wrong md5).
	CompleteUpload(ctx context.Context, uploadID string, req CompleteUploadRequest) (*Upload, error)

	// CancelUpload gives an Upload and its Parts up. Repeating it returns the
	// same Upload.
	//
	// Errors: ErrNotFound, ErrState.
	CancelUpload(ctx context.Context, uploadID string) (*Upload, error)

	// CreateFile stores data, read until EOF, as a File. describe is called
	// once: in a form that arrives, fields may follow the bytes, so the domain
	// calls it after EOF; the client, which writes the form, calls it first.
	// When CreateFile returns nil the File is on stable storage.
	//
	// Errors: ErrInvalid, ErrTooLarge, and whatever data or describe returns.
	CreateFile(ctx context.Context, data io.Reader, describe func() (CreateFileRequest, error)) (*File, error)

	// ListFiles returns the project's Files.
	//
	// Errors: ErrInvalid.
	ListFiles(ctx context.Context, q ListQuery) (*List[File], error)

	// GetFile returns a File.
	//
	// Errors: ErrNotFound.
	GetFile(ctx context.Context, id string) (*File, error)

	// DeleteFile removes a File: no later request sees it, and a download
	// that already runs either ends whole or breaks visibly.
	//
	// Errors: ErrNotFound.
	DeleteFile(ctx context.Context, id string) (*DeletedFile, error)

	// OpenFile opens the bytes of a File of any purpose. The caller closes it.
	//
	// Errors: ErrNotFound.
	OpenFile(ctx context.Context, id string) (Content, error)

	// Usage returns what the caller's project and key hold and may hold (extension).
	Usage(ctx context.Context) (*Usage, error)
}

// Bounded may be implemented by the readers that AddPart and CreateFile are given. Some
// stores must be told a length before the first byte; of a field of a form it is
// known only nearly.
type Bounded interface {
	io.Reader
	// AtMost returns how many bytes can still come, in the best case. It may become
	// known only with the first Read, and less than before minus what was read.
	AtMost() (n int64, known bool)
}

// Content is the bytes of a File. A read delivers the bytes that were stored
// or fails: damage found in the store is an error, never wrong bytes followed
// by io.EOF. Not safe for concurrent use.
type Content interface {
	io.ReadSeekCloser
	// File describes what is read.
	File() *File
	// CRC32C is the checksum of the whole File (Castagnoli), and whether it is
	// known: over HTTP from the first Read on, if the server tells it.
	CRC32C() (sum uint32, known bool)
}

// Expectant may be implemented by a Content that is not known to be there when it has
// been opened. Ready looks whether the first of the n bytes from the present place on,
// which are all that is wanted, can be read, without reading them: an answer can then
// say so instead of breaking off.
type Expectant interface{ Ready(n int64) error }
