package uploadstest

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadd/api"
)

func testLifeCycle(t *testing.T, a api.API) {
	const parts = 16
	data := Random(1, parts*70_000+11)
	u := create(t, a, int64(len(data)))
	if u.Status != api.StatusPending || u.Object != "upload" || u.Bytes != int64(len(data)) || u.File != nil ||
		u.Filename != "training.jsonl" || u.Purpose != "fine-tune" || u.ExpiresAt != u.CreatedAt+3600 {
		t.Errorf("created: %+v", u)
	}
	if !strings.HasPrefix(u.ID, "upload_") || len(u.ID) != len("upload_")+32 {
		t.Errorf("id %q is not of OpenAI's shape", u.ID)
	}

	ids := make([]string, parts+1)
	var wg sync.WaitGroup
	for i := range ids {
		chunk := data[i*70_000 : min((i+1)*70_000, len(data))]
		wg.Go(func() {
			p, err := a.AddPart(background, u.ID, bytes.NewReader(chunk))
			if err != nil {
				t.Errorf("part %d: %v", i, err)
				return
			}
			if p.Object != "upload.part" || p.UploadID != u.ID || p.CreatedAt < u.CreatedAt {
				t.Errorf("part %d: %+v", i, p)
			}
			ids[i] = p.ID
		})
	}
	wg.Wait()
	sum := md5.Sum(data)
	done := Must(a.CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: ids, MD5: strings.ToUpper(hex.EncodeToString(sum[:]))}))(t)
	f := done.File
	if done.Status != api.StatusCompleted || done.ID != u.ID || f == nil {
		t.Fatalf("completed: %+v", done)
	}
	want := &api.File{Object: "file", ID: f.ID, Purpose: "fine-tune", Filename: "training.jsonl",
		Bytes: int64(len(data)), CreatedAt: u.CreatedAt, Status: "processed"}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(f.ID, "file-") || len(f.ID) != len("file-")+22 {
		t.Errorf("id %q is not of OpenAI's shape", f.ID)
	}
	if got := Read(t, a, f.ID); !bytes.Equal(got, data) {
		t.Errorf("read %d bytes that are not the %d sent", len(got), len(data))
	}
	if diff := cmp.Diff(want, Must(a.GetFile(background, f.ID))(t)); diff != "" {
		t.Errorf("file, looked up (-want +got):\n%s", diff)
	}
}

func testCreateUploadRefuses(t *testing.T, a api.API) {
	good := api.CreateUploadRequest{Filename: "a.txt", Purpose: "assistants", Bytes: 1, MimeType: "text/plain"}
	for _, tt := range []struct {
		param  string
		change func(*api.CreateUploadRequest)
	}{
		{"filename", func(r *api.CreateUploadRequest) { r.Filename = "" }},
		{"filename", func(r *api.CreateUploadRequest) { r.Filename = "a\r\nX: y" }},
		{"filename", func(r *api.CreateUploadRequest) { r.Filename = "a\x00" }},
		{"filename", func(r *api.CreateUploadRequest) { r.Filename = "exe\u202Etxt.a" }},
		{"filename", func(r *api.CreateUploadRequest) { r.Filename = strings.Repeat("a", 10_000) }},
		{"purpose", func(r *api.CreateUploadRequest) { r.Purpose = "nope" }},
		{"purpose", func(r *api.CreateUploadRequest) { r.Purpose = "Assistants" }},
		{"bytes", func(r *api.CreateUploadRequest) { r.Bytes = -1 }},
		{"bytes", func(r *api.CreateUploadRequest) { r.Bytes = api.MaxUpload + 1 }},
		{"mime_type", func(r *api.CreateUploadRequest) { r.MimeType = "" }},
		{"mime_type", func(r *api.CreateUploadRequest) { r.MimeType = "text/html<script>" }},
		{"mime_type", func(r *api.CreateUploadRequest) { r.MimeType = "text/" + strings.Repeat("a", 1000) }},
		{"expires_after.anchor", func(r *api.CreateUploadRequest) { r.ExpiresAfter = &api.ExpiresAfter{Anchor: "now", Seconds: 3600} }},
		{"expires_after.seconds", func(r *api.CreateUploadRequest) {
			r.ExpiresAfter = &api.ExpiresAfter{Anchor: "created_at", Seconds: 3599}
		}},
		{"expires_after.seconds", func(r *api.CreateUploadRequest) {
			r.ExpiresAfter = &api.ExpiresAfter{Anchor: "created_at", Seconds: 2_592_001}
		}},
	} {
		req := good
		tt.change(&req)
		_, err := a.CreateUpload(background, req)
		WantError(t, err, api.ErrInvalid, tt.param)
	}
	for _, change := range []func(*api.CreateUploadRequest){
		func(r *api.CreateUploadRequest) { r.MimeType = "txt" }, // OpenAI's own example
		func(r *api.CreateUploadRequest) { r.Bytes = 0 },
		func(r *api.CreateUploadRequest) { r.Bytes = api.MaxUpload },
		func(r *api.CreateUploadRequest) { r.Filename = "../../etc/passwd" }, // data, never a path
		func(r *api.CreateUploadRequest) { r.Filename = "你好 \"1\" 😀.jsonl" },
		func(r *api.CreateUploadRequest) { r.Purpose = "user_data" },
		func(r *api.CreateUploadRequest) { r.Purpose = "evals" },
	} {
		req := good
		change(&req)
		if u := Must(a.CreateUpload(background, req))(t); u.Filename != req.Filename || u.Purpose != req.Purpose || u.Bytes != req.Bytes {
			t.Errorf("asked for %+v, got %+v", req, u)
		}
	}
}

func testPartSizes(t *testing.T, a api.API) {
	data := Random(2, 3<<20)
	u := create(t, a, int64(len(data)))
	_, err := a.AddPart(background, u.ID, bytes.NewReader(nil))
	WantError(t, err, api.ErrInvalid, "data")
	_, err = a.AddPart(background, u.ID, io.MultiReader(bytes.NewReader(data), strings.NewReader("x")))
	WantError(t, err, api.ErrInvalid, "data")
	ids := []string{
		add(t, a, u.ID, data[:1]),
		add(t, a, u.ID, data[1:4097]),
		add(t, a, u.ID, data[4097:]),
	}
	f := Must(complete(a, u.ID, ids...))(t).File
	if !bytes.Equal(Read(t, a, f.ID), data) {
		t.Error("the bytes read are not the bytes sent")
	}
	whole := create(t, a, int64(len(data)))
	f = Must(complete(a, whole.ID, add(t, a, whole.ID, data)))(t).File
	if !bytes.Equal(Read(t, a, f.ID), data) {
		t.Error("the bytes read are not the bytes sent")
	}
}

func testFailedCompletion(t *testing.T, a api.API) {
	u, other := create(t, a, 6), create(t, a, 3)
	p1, p2 := add(t, a, u.ID, []byte("abc")), add(t, a, u.ID, []byte("def"))
	foreign := add(t, a, other.ID, []byte("def"))
	for _, tt := range []struct {
		name, code, md5, param string
		ids                    []string
	}{
		{"unknown part", api.CodeInvalidPart, "", "part_ids", []string{p1, "part_" + strings.Repeat("0", 32)}},
		{"not an id", api.CodeInvalidPart, "", "part_ids", []string{p1, "'; DROP TABLE parts"}},
		{"another upload's part", api.CodeInvalidPart, "", "part_ids", []string{p1, foreign}},
		{"repeated part", api.CodeDuplicatePart, "", "part_ids", []string{p1, p1}},
		{"too little", api.CodeSizeMismatch, "", "part_ids", []string{p1}},
		{"nothing", api.CodeSizeMismatch, "", "part_ids", []string{}},
		{"wrong md5", api.CodeMD5Mismatch, "00000000000000000000000000000000", "md5", []string{p1, p2}},
		{"md5 of another order", api.CodeMD5Mismatch, "e80b5017098950fc58aad83c8c14978e", "md5", []string{p2, p1}},
		{"short md5", "", "e80b5017098950fc58aad83c8c14978", "md5", []string{p1, p2}},
		{"md5 that is none", "", "zzzb5017098950fc58aad83c8c14978e", "md5", []string{p1, p2}},
	} {
		_, err := a.CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: tt.ids, MD5: tt.md5})
		if e := WantError(t, err, api.ErrInvalid, tt.param); e.Code != tt.code {
			t.Errorf("%s: code %q, want %q", tt.name, e.Code, tt.code)
		}
	}
	done := Must(a.CompleteUpload(background, u.ID,
		api.CompleteUploadRequest{PartIDs: []string{p1, p2}, MD5: "e80b5017098950fc58aad83c8c14978e"}))(t)
	if got := Read(t, a, done.File.ID); string(got) != "abcdef" {
		t.Errorf("read %q", got)
	}
}

func testRepeatedCompletion(t *testing.T, a api.API) {
	u := create(t, a, 4)
	p1, p2 := add(t, a, u.ID, []byte("ab")), add(t, a, u.ID, []byte("cd"))
	first := Must(complete(a, u.ID, p2, p1))(t)
	again := Must(complete(a, u.ID, p2, p1))(t)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second answer differs (-first +second):\n%s", diff)
	}
	_, err := complete(a, u.ID, p1, p2)
	e := WantError(t, err, api.ErrState, "upload_id")
	if !strings.Contains(e.Message, "completed") {
		t.Errorf("message %q does not name the state", e.Message)
	}
	if got := Read(t, a, first.File.ID); string(got) != "cdab" {
		t.Errorf("read %q", got)
	}
}

func testFinalStates(t *testing.T, a api.API) {
	u := create(t, a, 1)
	p := add(t, a, u.ID, []byte("x"))
	cancelled := Must(a.CancelUpload(background, u.ID))(t)
	if cancelled.Status != api.StatusCancelled || cancelled.File != nil {
		t.Errorf("cancelled: %+v", cancelled)
	}
	if diff := cmp.Diff(cancelled, Must(a.CancelUpload(background, u.ID))(t)); diff != "" {
		t.Errorf("the second answer differs (-first +second):\n%s", diff)
	}
	state := func(err error, want string) {
		t.Helper()
		if e := WantError(t, err, api.ErrState, "upload_id"); !strings.Contains(e.Message, want) {
			t.Errorf("message %q does not name the state %q", e.Message, want)
		}
	}
	_, err := a.AddPart(background, u.ID, strings.NewReader("x"))
	state(err, "cancelled")
	_, err = complete(a, u.ID, p)
	state(err, "cancelled")

	u = create(t, a, 1)
	p = add(t, a, u.ID, []byte("x"))
	Must(complete(a, u.ID, p))(t)
	_, err = a.AddPart(background, u.ID, strings.NewReader("x"))
	state(err, "completed")
	_, err = a.CancelUpload(background, u.ID)
	state(err, "completed")
}

// Lost responses make clients send a part again.
func testPartsNotNamed(t *testing.T, a api.API) {
	u := create(t, a, 4)
	add(t, a, u.ID, []byte("abcd"))
	p1 := add(t, a, u.ID, []byte("ab"))
	add(t, a, u.ID, []byte("ab"))
	p2 := add(t, a, u.ID, []byte("cd"))
	add(t, a, u.ID, []byte("cd"))
	f := Must(complete(a, u.ID, p1, p2))(t).File
	if got := Read(t, a, f.ID); string(got) != "abcd" || f.Bytes != 4 {
		t.Errorf("read %q of %+v", got, f)
	}
}

func testEmptyFile(t *testing.T, a api.API) {
	u := create(t, a, 0)
	_, err := a.AddPart(background, u.ID, strings.NewReader("x"))
	WantError(t, err, api.ErrInvalid, "data")
	f := Must(a.CompleteUpload(background, u.ID, api.CompleteUploadRequest{PartIDs: []string{}, MD5: "d41d8cd98f00b204e9800998ecf8427e"}))(t).File
	if got := Read(t, a, f.ID); len(got) != 0 || f.Bytes != 0 {
		t.Errorf("read %q of %+v", got, f)
	}
	f = createFile(t, a, "empty.txt", "user_data", "")
	if got := Read(t, a, f.ID); len(got) != 0 || f.Bytes != 0 {
		t.Errorf("read %q of %+v", got, f)
	}
}

func testLookingAtUploads(t *testing.T, a api.API) {
	var ids []string
	for range 3 {
		ids = append(ids, create(t, a, 5).ID)
	}
	l := Must(a.ListUploads(background, api.ListQuery{Limit: 2}))(t)
	if len(l.Data) != 2 || !l.HasMore || l.Data[0].ID != ids[2] || *l.LastID != ids[1] || l.Object != "list" {
		t.Errorf("uploads: %+v", l)
	}
	l = Must(a.ListUploads(background, api.ListQuery{After: ids[1]}))(t)
	if len(l.Data) != 1 || l.HasMore || l.Data[0].ID != ids[0] {
		t.Errorf("uploads: %+v", l)
	}
	id := ids[0]
	p1, p2 := add(t, a, id, []byte("12345")), add(t, a, id, []byte("123456789")[:4])
	parts := Must(a.ListParts(background, id, api.ListQuery{Order: "asc"}))(t)
	if len(parts.Data) != 2 || parts.Data[0].ID != p1 || parts.Data[1].ID != p2 || parts.Data[1].Bytes != 4 ||
		parts.Data[1].UploadID != id || parts.Data[1].Object != "upload.part" {
		t.Errorf("parts: %+v", parts)
	}
	page := Must(a.ListParts(background, id, api.ListQuery{Order: "asc", Limit: 1}))(t)
	if len(page.Data) != 1 || !page.HasMore || *page.LastID != p1 {
		t.Errorf("first page of parts: %+v", page)
	}
	page = Must(a.ListParts(background, id, api.ListQuery{Order: "asc", After: p1}))(t)
	if len(page.Data) != 1 || page.HasMore || page.Data[0].ID != p2 {
		t.Errorf("second page of parts: %+v", page)
	}
	_, err := a.ListParts(background, ids[1], api.ListQuery{After: p1}) // another upload's part
	WantError(t, err, api.ErrInvalid, "after")
	if u := Must(a.GetUpload(background, id))(t); u.Status != api.StatusPending || u.File != nil {
		t.Errorf("pending: %+v", u)
	}
	done := Must(complete(a, id, p1))(t)
	if diff := cmp.Diff(done, Must(a.GetUpload(background, id))(t)); diff != "" {
		t.Errorf("completed, looked up (-completed +got):\n%s", diff)
	}
	if parts := Must(a.ListParts(background, id, api.ListQuery{}))(t); len(parts.Data) != 1 || parts.Data[0].ID != p1 {
		t.Errorf("parts of the completed upload: %+v", parts)
	}
	Must(a.CancelUpload(background, ids[1]))(t)
	if u := Must(a.GetUpload(background, ids[1]))(t); u.Status != api.StatusCancelled {
		t.Errorf("cancelled: %+v", u)
	}
}

func testConcurrentEnds(t *testing.T, a api.API) {
	for round := range 10 {
		u := create(t, a, 2)
		p1, p2 := add(t, a, u.ID, []byte("a")), add(t, a, u.ID, []byte("b"))
		files := map[string]bool{}
		var cancelled, completed int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if round%2 == 1 && i == 3 {
					_, err := a.CancelUpload(background, u.ID)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						cancelled++
					} else if !errors.Is(err, api.ErrState) {
						t.Errorf("cancel: %v", err)
					}
					return
				}
				done, err := complete(a, u.ID, p1, p2)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					completed++
					files[done.File.ID] = true
				} else if !errors.Is(err, api.ErrState) {
					t.Errorf("complete: %v", err)
				}
			})
		}
		wg.Wait()
		if len(files)+cancelled != 1 {
			t.Errorf("%d files and %d cancellations of one upload", len(files), cancelled)
		}
		if cancelled == 0 && round%2 == 0 && completed != 8 {
			t.Errorf("%d of 8 completions with the same parts succeeded", completed)
		}
	}
}

func testUnknownIDs(t *testing.T, a api.API) {
	for _, id := range []string{"upload_" + strings.Repeat("0", 32), "upload_abc123", "x"} {
		_, err := a.GetUpload(background, id)
		e := WantError(t, err, api.ErrNotFound, "upload_id")
		if want := "No such Upload object: " + id; e.Message != want {
			t.Errorf("message %q, want %q", e.Message, want)
		}
		_, err = a.AddPart(background, id, strings.NewReader("x"))
		WantError(t, err, api.ErrNotFound, "upload_id")
		_, err = a.ListParts(background, id, api.ListQuery{})
		WantError(t, err, api.ErrNotFound, "upload_id")
		_, err = complete(a, id, "part_0")
		WantError(t, err, api.ErrNotFound, "upload_id")
		_, err = a.CancelUpload(background, id)
		WantError(t, err, api.ErrNotFound, "upload_id")
	}
	for _, id := range []string{"file-0000000000000000000000", "file-abc", "fake_id"} {
		unknownFile(t, a, id)
	}
}
