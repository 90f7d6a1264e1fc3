package access_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"uploadd/api"
	"uploadd/internal/access"
	"uploadd/internal/uploads/uploadstest"
)

// Which scope allows what.
func TestScopes(t *testing.T) {
	h := newHall(t, "")
	_, all := h.key(t, "team", "read,write,delete", nil)
	a := uploadstest.Must(h.admit(t, all, ""))(t).API
	for method, scopes := range map[string]string{
		"CreateUpload": "write upload", "GetUpload": "read write", "ListUploads": "read write", "AddPart": "write",
		"ListParts": "read write", "CompleteUpload": "write", "CancelUpload": "write",
		"CreateFile": "write upload", "ListFiles": "read", "GetFile": "read", "OpenFile": "read", "DeleteFile": "delete", "Usage": "read write",
	} {
		for _, scope := range []string{"read", "write", "delete", "upload"} {
			u := upload(t, a, 3)
			file := uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("abc"), named))(t).ID
			part := uploadstest.Must(a.AddPart(t.Context(), u, strings.NewReader("abc")))(t).ID
			_, text := h.key(t, "team", scope, nil)
			err := call(t.Context(), uploadstest.Must(h.admit(t, text, ""))(t).API, method, u, part, file)
			allowed := strings.Contains(scopes, scope)
			// Of the Uploads those that another key made do not exist for it.
			if scope == "upload" && !allowed && errors.Is(err, api.ErrNotFound) {
				continue
			}
			if allowed && err != nil || !allowed && !errors.Is(err, api.ErrForbidden) {
				t.Errorf("%s with %s: %v", method, scope, err)
			}
		}
	}
}

// A key that only hands data in has the whole life of its own Uploads, and sees no
// others, not even those of its project.
func TestUploadOnly(t *testing.T) {
	h := newHall(t, "")
	_, all := h.key(t, "team", "read,write,delete", nil)
	_, first := h.key(t, "team", "upload", nil)
	_, second := h.key(t, "team", "upload", nil)
	apis := map[string]api.API{}
	for _, text := range []string{all, first, second} {
		apis[text] = uploadstest.Must(h.admit(t, text, ""))(t).API
	}
	u := upload(t, apis[first], 3)
	part := uploadstest.Must(apis[first].AddPart(t.Context(), u, strings.NewReader("abc")))(t).ID
	if l := uploadstest.Must(apis[first].ListParts(t.Context(), u, api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("its own parts: %+v", l)
	}
	for _, method := range []string{"GetUpload", "AddPart", "ListParts", "CompleteUpload", "CancelUpload"} {
		err := call(t.Context(), apis[second], method, u, part, "")
		missing := call(t.Context(), apis[second], method, "upload_"+strings.Repeat("0", 32), part, "")
		if !errors.Is(err, api.ErrNotFound) || strings.ReplaceAll(err.Error(), u, "upload_"+strings.Repeat("0", 32)) != missing.Error() {
			t.Errorf("%s of another key's upload: %v; of none: %v", method, err, missing)
		}
	}
	if err := call(t.Context(), apis[first], "CompleteUpload", u, part, ""); err != nil {
		t.Error(err)
	}
	if l := uploadstest.Must(apis[all].ListFiles(t.Context(), api.ListQuery{}))(t); len(l.Data) != 1 {
		t.Errorf("what was handed in: %+v", l)
	}
}

func upload(t *testing.T, a api.API, bytes int64) string {
	t.Helper()
	return uploadstest.Must(a.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: bytes, MimeType: "text/plain"}))(t).ID
}

func named() (api.CreateFileRequest, error) {
	return api.CreateFileRequest{Filename: "f", Purpose: "batch"}, nil
}

// call calls a method by its name.
func call(ctx context.Context, a api.API, method, u, part, file string) (err error) {
	switch method {
	case "CreateUpload":
		_, err = a.CreateUpload(ctx, api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 3, MimeType: "text/plain"})
	case "GetUpload":
		_, err = a.GetUpload(ctx, u)
	case "ListUploads":
		_, err = a.ListUploads(ctx, api.ListQuery{})
	case "AddPart":
		_, err = a.AddPart(ctx, u, strings.NewReader("abc"))
	case "ListParts":
		_, err = a.ListParts(ctx, u, api.ListQuery{})
	case "CompleteUpload":
		_, err = a.CompleteUpload(ctx, u, api.CompleteUploadRequest{PartIDs: []string{part}})
	case "CancelUpload":
		_, err = a.CancelUpload(ctx, u)
	case "CreateFile":
		_, err = a.CreateFile(ctx, strings.NewReader("abc"), named)
	case "ListFiles":
		_, err = a.ListFiles(ctx, api.ListQuery{})
	case "GetFile":
		_, err = a.GetFile(ctx, file)
	case "DeleteFile":
		_, err = a.DeleteFile(ctx, file)
	case "Usage":
		_, err = a.Usage(ctx)
	case "OpenFile":
		var c api.Content
		if c, err = a.OpenFile(ctx, file); err == nil {
			err = c.Close()
		}
	default:
		err = fs.ErrInvalid
	}
	return err
}

func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{"read": "read", "delete, read,read": "delete,read", "upload": "upload"} {
		if s, err := access.ParseScopes(text); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "admin", "upload,read", "read,", "READ"} {
		if s, err := access.ParseScopes(text); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}
