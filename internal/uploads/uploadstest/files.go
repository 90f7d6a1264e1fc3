package uploadstest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadd/api"
)

func testFileExpiry(t *testing.T, a api.API) {
	for _, tt := range []struct {
		purpose string
		after   *api.ExpiresAfter
		want    int64
	}{
		{"user_data", nil, 0},
		{"batch", nil, 2_592_000},
		{"batch", &api.ExpiresAfter{Anchor: "created_at", Seconds: 3600}, 3600},
		{"vision", &api.ExpiresAfter{Anchor: "created_at", Seconds: 2_592_000}, 2_592_000},
	} {
		u := Must(a.CreateUpload(background, api.CreateUploadRequest{
			Filename: "f", Purpose: tt.purpose, Bytes: 1, MimeType: "text/plain", ExpiresAfter: tt.after}))(t)
		done := Must(complete(a, u.ID, add(t, a, u.ID, []byte("x"))))(t).File
		direct := Must(a.CreateFile(background, strings.NewReader("x"), func() (api.CreateFileRequest, error) {
			return api.CreateFileRequest{Filename: "f", Purpose: tt.purpose, ExpiresAfter: tt.after}, nil
		}))(t)
		for _, f := range []*api.File{done, direct} {
			if tt.want == 0 && f.ExpiresAt != nil {
				t.Errorf("%s: expires at %d, want never", tt.purpose, *f.ExpiresAt)
			}
			if tt.want != 0 && (f.ExpiresAt == nil || *f.ExpiresAt != f.CreatedAt+tt.want) {
				t.Errorf("%s, %+v: %+v does not expire after %d s", tt.purpose, tt.after, f, tt.want)
			}
		}
	}
}

func testFiles(t *testing.T, a api.API) {
	for i, purpose := range api.Purposes { // the owner reads files of every purpose
		body := fmt.Sprintf("line %d\r\n--\r\n", i)
		f := createFile(t, a, "你好 \"quoted\".jsonl", purpose, body)
		if f.Filename != "你好 \"quoted\".jsonl" || f.Purpose != purpose || f.Bytes != int64(len(body)) || f.Status != "processed" {
			t.Errorf("created: %+v", f)
		}
		if got := Read(t, a, f.ID); string(got) != body {
			t.Errorf("%s: read %q, want %q", purpose, got, body)
		}
		if diff := cmp.Diff(f, Must(a.GetFile(background, f.ID))(t)); diff != "" {
			t.Errorf("looked up (-created +got):\n%s", diff)
		}
		deleted := Must(a.DeleteFile(background, f.ID))(t)
		if diff := cmp.Diff(&api.DeletedFile{Object: "file", Deleted: true, ID: f.ID}, deleted); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
		unknownFile(t, a, f.ID)
	}
	large := Random(3, 5<<20)
	f := Must(a.CreateFile(background, bytes.NewReader(large), describe("large", "user_data")))(t)
	if !bytes.Equal(Read(t, a, f.ID), large) {
		t.Error("the bytes read are not the bytes sent")
	}

	// A File made by an Upload is deleted like any other; completing the Upload
	// again cannot bring it back.
	u := create(t, a, 1)
	p := add(t, a, u.ID, []byte("x"))
	id := Must(complete(a, u.ID, p))(t).File.ID
	Must(a.DeleteFile(background, id))(t)
	unknownFile(t, a, id)
	_, err := complete(a, u.ID, p)
	WantError(t, err, api.ErrState, "upload_id")
}

func unknownFile(t *testing.T, a api.API, id string) {
	t.Helper()
	_, err := a.GetFile(background, id)
	e := WantError(t, err, api.ErrNotFound, "id")
	if want := "No such File object: " + id; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	_, err = a.DeleteFile(background, id)
	WantError(t, err, api.ErrNotFound, "id")
	c, err := a.OpenFile(background, id)
	if err == nil { // over HTTP it may show with the first read only
		_, err = c.Read(make([]byte, 1))
		c.Close()
	}
	WantError(t, err, api.ErrNotFound, "id")
}

func testCreateFileRefuses(t *testing.T, a api.API) {
	_, err := a.CreateFile(background, strings.NewReader("x"), describe("a.txt", "world_domination"))
	e := WantError(t, err, api.ErrInvalid, "purpose")
	const want = "'world_domination' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals'] - 'purpose'"
	if e.Message != want || e.Code != "" || e.Type != "invalid_request_error" {
		t.Errorf("got %+v, want OpenAI's %q", e, want)
	}
	_, err = a.CreateFile(background, strings.NewReader("x"), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "a", Purpose: "batch", ExpiresAfter: &api.ExpiresAfter{Anchor: "created_at", Seconds: 60}}, nil
	})
	WantError(t, err, api.ErrInvalid, "expires_after.seconds")
	if l := Must(a.ListFiles(background, api.ListQuery{}))(t); len(l.Data) != 0 {
		t.Errorf("files that were refused are listed: %+v", l.Data)
	}
}

func testListFiles(t *testing.T, a api.API) {
	empty := Must(a.ListFiles(background, api.ListQuery{}))(t)
	if empty.Object != "list" || len(empty.Data) != 0 || empty.HasMore || empty.FirstID != nil || empty.LastID != nil {
		t.Errorf("empty list: %+v", empty)
	}
	var ids []string // oldest first
	for i := range 25 {
		ids = append(ids, createFile(t, a, fmt.Sprint("f", i), []string{"batch", "vision"}[i%2], "x").ID)
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	list := func(q api.ListQuery) ([]string, *api.List[api.File]) {
		t.Helper()
		l := Must(a.ListFiles(background, q))(t)
		var got []string
		for _, f := range l.Data {
			got = append(got, f.ID)
		}
		if len(got) > 0 && (*l.FirstID != got[0] || *l.LastID != got[len(got)-1]) {
			t.Errorf("first_id %s, last_id %s of %v", *l.FirstID, *l.LastID, got)
		}
		return got, l
	}
	want := func(q api.ListQuery, ids []string, more bool) {
		t.Helper()
		got, l := list(q)
		if !slices.Equal(got, ids) || l.HasMore != more {
			t.Errorf("%+v: got %v, more %v; want %v, more %v", q, got, l.HasMore, ids, more)
		}
	}
	want(api.ListQuery{}, newest, false)
	want(api.ListQuery{Order: "asc"}, ids, false)
	want(api.ListQuery{Limit: 25}, newest, false)
	want(api.ListQuery{Limit: 24}, newest[:24], true)
	want(api.ListQuery{After: newest[23]}, newest[24:], false)
	want(api.ListQuery{After: newest[24]}, nil, false) // what the Java SDK asks at the end
	want(api.ListQuery{After: ids[3], Order: "asc", Limit: 2}, ids[4:6], true)
	want(api.ListQuery{Purpose: "batch", Order: "asc", Limit: 2}, []string{ids[0], ids[2]}, true)
	want(api.ListQuery{Purpose: "batch", Order: "asc", After: ids[21]}, []string{ids[22], ids[24]}, false)
	want(api.ListQuery{Purpose: "unheard-of"}, nil, false)
	var walked []string
	for q := (api.ListQuery{Limit: 1}); ; {
		page, l := list(q)
		if walked = append(walked, page...); !l.HasMore || len(walked) > len(newest) {
			break
		}
		q.After = *l.LastID
	}
	if !slices.Equal(walked, newest) {
		t.Errorf("walked one by one: %v, want %v", walked, newest)
	}
	// A file deleted while somebody pages keeps its place.
	Must(a.DeleteFile(background, newest[10]))(t)
	want(api.ListQuery{After: newest[10], Limit: 3}, newest[11:14], true)
	want(api.ListQuery{After: newest[8], Limit: 3}, []string{newest[9], newest[11], newest[12]}, true)
	for _, tt := range []struct {
		q     api.ListQuery
		param string
	}{
		{api.ListQuery{Limit: 10_001}, "limit"},
		{api.ListQuery{Limit: -1}, "limit"},
		{api.ListQuery{Order: "up"}, "order"},
		{api.ListQuery{After: "nonsense"}, "after"},
		{api.ListQuery{After: "file-0000000000000000000000"}, "after"},
	} {
		_, err := a.ListFiles(background, tt.q)
		WantError(t, err, api.ErrInvalid, tt.param)
	}
}

func testContent(t *testing.T, a api.API) {
	data := Random(4, 300_000)
	u := create(t, a, int64(len(data)))
	var ids []string
	cuts := []int{0, 1, 2, 1000, 65_536, 65_537, 299_999, 300_000}
	for i := range len(cuts) - 1 {
		ids = append(ids, add(t, a, u.ID, data[cuts[i]:cuts[i+1]]))
	}
	c := Must(a.OpenFile(background, Must(complete(a, u.ID, ids...))(t).File.ID))(t)
	defer c.Close()
	if c.File().Bytes != int64(len(data)) {
		t.Errorf("content describes %+v", c.File())
	}
	if end := Must(c.Seek(0, io.SeekEnd))(t); end != int64(len(data)) {
		t.Errorf("the end is at %d, want %d", end, len(data))
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v", n, err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		from := cuts[i%len(cuts)]
		if i >= len(cuts) {
			from = rnd.IntN(len(data))
		}
		n := min(len(data)-from, 1+rnd.IntN(70_000))
		Must(c.Seek(int64(from), io.SeekStart))(t)
		got := make([]byte, n)
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data[from:from+n]) {
			t.Fatalf("bytes %d to %d: not what was sent (%v)", from, from+n, err)
		}
	}
}

func testUsage(t *testing.T, a api.API) {
	usage := func(bytes, reserved, files, pending int64) {
		t.Helper()
		u := Must(a.Usage(background))(t)
		got := []int64{u.Project.Bytes, u.Project.ReservedBytes, u.Project.Files, u.Project.Uploads}
		if !slices.Equal(got, []int64{bytes, reserved, files, pending}) || u.Object != "usage" {
			t.Errorf("the project holds %v, want %v", got, []int64{bytes, reserved, files, pending})
		}
	}
	usage(0, 0, 0, 0)
	f := createFile(t, a, "a", "batch", "abc")
	u := create(t, a, 5)
	usage(3, 5, 1, 1)
	part := add(t, a, u.ID, []byte("abcd"))
	add(t, a, u.ID, []byte("abc"))
	usage(3, 7, 1, 1) // 2 beyond what was declared
	last := add(t, a, u.ID, []byte("e"))
	Must(complete(a, u.ID, part, last))(t)
	usage(8, 0, 2, 0)
	cancelled := create(t, a, 9)
	usage(8, 9, 2, 1)
	Must(a.CancelUpload(background, cancelled.ID))(t)
	Must(a.DeleteFile(background, f.ID))(t)
	usage(5, 0, 1, 0)
}
