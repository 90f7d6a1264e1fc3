package access

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"uploadd/api"
)

// Scope is a kind of request that a key allows.
type Scope string

const (
	Read   Scope = "read"   // look at, list and download
	Write  Scope = "write"  // make, complete and cancel Uploads, and make Files
	Delete Scope = "delete" // delete Files
	// Upload is for jobs that only hand data in. It allows what Write does, but of
	// the Uploads only those that the key itself made; it stands alone.
	Upload Scope = "upload"
)

// Scopes are those of one key.
type Scopes []Scope

// AllScopes is what a key allows unless it is said otherwise.
var AllScopes = Scopes{Read, Write, Delete}

// ParseScopes reads a list such as "read,write".
func ParseScopes(text string) (Scopes, error) {
	var s Scopes
	for name := range strings.SplitSeq(text, ",") {
		switch scope := Scope(strings.TrimSpace(name)); scope {
		case Read, Write, Delete, Upload:
			if !slices.Contains(s, scope) {
				s = append(s, scope)
			}
		default:
			return nil, fmt.Errorf("'%s' is no scope: take some of read, write and delete, or upload alone", name)
		}
	}
	if slices.Contains(s, Upload) && len(s) > 1 {
		return nil, fmt.Errorf("the scope upload stands alone: a key with '%s' would allow more than handing data in", text)
	}
	return s, nil
}

// UnmarshalText is ParseScopes, for flags.
func (s *Scopes) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScopes(string(text))
	return err
}

func (s Scopes) String() string {
	names := make([]string, len(s))
	for i, scope := range s {
		names[i] = string(scope)
	}
	return strings.Join(names, ",")
}

// ownUploads says whether the key sees no other Uploads than its own.
func (s Scopes) ownUploads() bool { return slices.Contains(s, Upload) }

// opens says which scopes, each by itself, open a method of api.API. What is not here
// is closed.
var opens = map[string][]Scope{
	"CreateUpload":   {Write, Upload},
	"GetUpload":      {Read, Write, Upload}, // who sends an Upload looks at what has arrived
	"ListUploads":    {Read, Write},
	"AddPart":        {Write, Upload},
	"ListParts":      {Read, Write, Upload},
	"CompleteUpload": {Write, Upload},
	"CancelUpload":   {Write, Upload}, // not Delete: one that is a File already is not cancelled
	"CreateFile":     {Write, Upload},
	"ListFiles":      {Read},
	"GetFile":        {Read},
	"DeleteFile":     {Delete},
	"OpenFile":       {Read},
	"Usage":          {Read, Write},
}

// Allow says whether a key with these scopes may call a method of api.API.
func (s Scopes) Allow(method string) error {
	var missing Scope = "none" // no key has it
	for i, scope := range opens[method] {
		if slices.Contains(s, scope) {
			return nil
		}
		if i == 0 {
			missing = scope
		}
	}
	return api.Errorf(api.ErrForbidden, "",
		"You have insufficient permissions for this operation. Missing scopes: %s. The key has: %s.", missing, s).
		WithCode(api.CodeMissingScope)
}

// restricted is an api.API cut down to scopes. It embeds nothing: a method that is new
// in api.API does not compile until it is here, too.
type restricted struct {
	api    api.API
	scopes Scopes
}

// allowed makes the call if the key allows the method.
func allowed[T any](r *restricted, method string, call func() (T, error)) (none T, err error) {
	if err := r.scopes.Allow(method); err != nil {
		return none, err
	}
	return call()
}

func (r *restricted) CreateUpload(ctx context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	return allowed(r, "CreateUpload", func() (*api.Upload, error) { return r.api.CreateUpload(ctx, req) })
}

func (r *restricted) GetUpload(ctx context.Context, id string) (*api.Upload, error) {
	return allowed(r, "GetUpload", func() (*api.Upload, error) { return r.api.GetUpload(ctx, id) })
}

func (r *restricted) ListUploads(ctx context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	return allowed(r, "ListUploads", func() (*api.List[api.Upload], error) { return r.api.ListUploads(ctx, q) })
}

func (r *restricted) AddPart(ctx context.Context, uploadID string, data io.Reader) (*api.Part, error) {
	return allowed(r, "AddPart", func() (*api.Part, error) { return r.api.AddPart(ctx, uploadID, data) })
}

func (r *restricted) ListParts(ctx context.Context, uploadID string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	return allowed(r, "ListParts", func() (*api.List[api.PartInfo], error) { return r.api.ListParts(ctx, uploadID, q) })
}

func (r *restricted) CompleteUpload(ctx context.Context, uploadID string, req api.CompleteUploadRequest) (*api.Upload, error) {
	return allowed(r, "CompleteUpload", func() (*api.Upload, error) { return r.api.CompleteUpload(ctx, uploadID, req) })
}

func (r *restricted) CancelUpload(ctx context.Context, uploadID string) (*api.Upload, error) {
	return allowed(r, "CancelUpload", func() (*api.Upload, error) { return r.api.CancelUpload(ctx, uploadID) })
}

func (r *restricted) CreateFile(ctx context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	return allowed(r, "CreateFile", func() (*api.File, error) { return r.api.CreateFile(ctx, data, describe) })
}

func (r *restricted) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	return allowed(r, "ListFiles", func() (*api.List[api.File], error) { return r.api.ListFiles(ctx, q) })
}

func (r *restricted) GetFile(ctx context.Context, id string) (*api.File, error) {
	return allowed(r, "GetFile", func() (*api.File, error) { return r.api.GetFile(ctx, id) })
}

func (r *restricted) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	return allowed(r, "DeleteFile", func() (*api.DeletedFile, error) { return r.api.DeleteFile(ctx, id) })
}

func (r *restricted) OpenFile(ctx context.Context, id string) (api.Content, error) {
	return allowed(r, "OpenFile", func() (api.Content, error) { return r.api.OpenFile(ctx, id) })
}

func (r *restricted) Usage(ctx context.Context) (*api.Usage, error) {
	return allowed(r, "Usage", func() (*api.Usage, error) { return r.api.Usage(ctx) })
}
