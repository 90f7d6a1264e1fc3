package blob_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uploadd/api"
	"uploadd/client"
	"uploadd/internal/blob"
	"uploadd/internal/blob/s3test"
	"uploadd/internal/meta"
	"uploadd/internal/server"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// node is a Service with its records in SQLite and its bytes in S3.
type node struct {
	svc   *uploads.Service
	meta  *meta.Store
	blobs *blob.S3
}

func newNode(t testing.TB, b *blob.S3) *node {
	t.Helper()
	m := uploadstest.Must(meta.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "uploadd.db")))(t)
	t.Cleanup(func() { m.Close() })
	svc := uploads.New(uploads.Config{Meta: m, Blobs: b, Settle: blob.Settle, Remote: true})
	return &node{svc, m, b}
}

// serve answers requests for the node. A key is the name of its project.
func (n *node) serve(t testing.TB) (url string) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = server.NewHTTPServer(server.New(server.Config{
		Authenticate: func(_ context.Context, c server.Credentials) (server.Caller, error) {
			return server.Caller{API: n.svc.For(c.Key), Project: c.Key}, nil
		},
		Ready: n.svc.Ready,
	}), slog.New(slog.DiscardHandler))
	s.Start()
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// check reads every byte back.
func (n *node) check(t *testing.T) {
	t.Helper()
	c := uploads.Checker{Meta: n.meta, Blobs: n.blobs, ReadData: true, Report: func(f string) { t.Error(f) }, Now: time.Now().Unix()}
	uploadstest.Must(c.Check(t.Context()))(t)
}

// The API is the same with its bytes in S3: by itself, and over HTTP, where they pass
// through.
func TestDomainOnS3(t *testing.T) {
	s := s3test.Versitygw(t, false)
	n := newNode(t, openS3(t, s, ""))
	project := func(t *testing.T) string { return strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) }
	t.Run("domain", func(t *testing.T) {
		uploadstest.TestAPI(t, func(t *testing.T) api.API { return n.svc.For(project(t)) })
	})
	url := n.serve(t)
	t.Run("server", func(t *testing.T) {
		uploadstest.TestAPI(t, func(t *testing.T) api.API {
			return uploadstest.Must(client.New(client.Config{BaseURL: url, Key: project(t)}))(t)
		})
	})
	n.check(t)
}

// Forms as clients write them: with the purpose before the file and behind it, of a
// length that is announced and not. The object is as long as the form allowed.
func TestFormsToS3(t *testing.T) {
	n := newNode(t, openS3(t, s3test.Versitygw(t, false), ""))
	url := n.serve(t)
	for i, form := range []struct {
		name          string
		before, known bool
		padding       int64 // of a large file
	}{
		{"as Python's", true, true, 2},
		{"as Node's", false, true, 2 + int64(len("\r\n--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data"))},
		{"chunked", true, false, 0},
		{"chunked, as Node's", false, false, 0},
	} {
		for _, size := range []int{0, 10, 900_000, 1 << 20, 3<<20 + 1} {
			data := uploadstest.Random(uint64(i), size)
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			w.SetBoundary("b")
			if form.before {
				w.WriteField("purpose", "user_data")
			}
			uploadstest.Must(uploadstest.Must(w.CreateFormFile("file", "f"))(t).Write(data))(t)
			if !form.before {
				w.WriteField("purpose", "user_data")
			}
			w.Close()
			r := uploadstest.Must(http.NewRequest("POST", url+"/files", &body))(t)
			if !form.known {
				r.ContentLength, r.Body = -1, io.NopCloser(&body)
			}
			r.Header.Set("Content-Type", w.FormDataContentType())
			r.Header.Set("Authorization", "Bearer p")
			resp := uploadstest.Must(http.DefaultClient.Do(r))(t)
			answer := uploadstest.Must(io.ReadAll(resp.Body))(t)
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Fatalf("%s, %d bytes: %s", form.name, size, answer)
			}
			files := uploadstest.Must(n.svc.For("p").ListFiles(t.Context(), api.ListQuery{Limit: 1, Order: "desc"}))(t)
			if got := uploadstest.Read(t, n.svc.For("p"), files.Data[0].ID); !bytes.Equal(got, data) {
				t.Errorf("%s: of %d bytes %d come back, or others", form.name, size, len(got))
			}
			part := uploadstest.Must(n.meta.FileParts(t.Context(), "p", files.Data[0].ID))(t)[0]
			want := int64(0)
			if size > 512<<10 {
				want = form.padding
			}
			if part.Padding != want {
				t.Errorf("%s, %d bytes: %d bytes of padding, want %d", form.name, size, part.Padding, want)
			}
		}
	}
	n.check(t)
}

// A store that goes away is answered with 503, and forgotten as soon as it is back.
func TestStoreGoesAway(t *testing.T) {
	s, b := scripted(t, time.Minute)
	n := newNode(t, b)
	a := uploadstest.Must(client.New(client.Config{BaseURL: n.serve(t), Key: "p"}))(t)
	describe := func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
	}
	f := uploadstest.Must(a.CreateFile(t.Context(), strings.NewReader("data"), describe))(t)
	down := func() error {
		_, err := a.CreateFile(t.Context(), strings.NewReader("data"), describe)
		return err
	}
	s.Script(http.MethodPut, fail(503, "SlowDown"))
	if e := uploadstest.WantError(t, down(), api.ErrUnavailable, ""); e.RetryAfter == 0 {
		t.Error("a sender is not told when to try again")
	}
	s.Script(http.MethodGet, fail(503, "SlowDown"))
	c, err := a.OpenFile(t.Context(), f.ID)
	if err == nil {
		defer c.Close()
		_, err = io.ReadAll(c)
	}
	uploadstest.WantError(t, err, api.ErrUnavailable, "")
	s.Script(http.MethodGet, nil)
	if got := uploadstest.Read(t, a, f.ID); string(got) != "data" {
		t.Errorf("read %q", got)
	}
	if err := down(); err != nil {
		t.Errorf("the store is back: %v", err)
	}
	left := uploadstest.Must(n.meta.Bin(t.Context(), "", 1000))(t)
	early := 0
	for _, e := range left {
		if e.Due < time.Now().Add(blob.Settle-time.Minute).Unix() {
			early++
		}
	}
	if len(left) == 0 || early > 0 {
		t.Errorf("of %d keys in the bin %d are due before what was sent can no longer appear", len(left), early)
	}
	if len(s.Names()) != 2 {
		t.Error(fmt.Errorf("stored: %q", s.Names()))
	}
}

// A node that cannot reach the bytes is not ready, so that its load goes to others, and
// is again as soon as it can. However many ask, the store is asked once a second.
func TestReadyAsksTheStore(t *testing.T) {
	s, b := scripted(t, time.Minute)
	url := strings.TrimSuffix(newNode(t, b).serve(t), "/v1") + "/readyz"
	ready := func() int {
		resp := uploadstest.Must(http.Get(url))(t)
		resp.Body.Close()
		return resp.StatusCode
	}
	await := func(want int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ready() != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the status is never %d", want)
			}
		}
	}
	await(200)
	s.Script(http.MethodHead, fail(503, "SlowDown"))
	await(503)
	s.Script(http.MethodHead, nil)
	await(200)
	began := time.Now()
	s.Script(http.MethodHead, func(x *s3test.Exchange) { x.Serve() })
	for range 100 {
		ready()
	}
	if asked, most := s.Asked(), int(time.Since(began)/time.Second)+2; asked > most {
		t.Errorf("the store was asked %d times", asked)
	}
}

// A range costs the blocks that it lies in, and not the rest of its Part.
func TestRangesAskForTheirBlocks(t *testing.T) {
	const block, size = 256 << 10, 3<<20 + 5
	s, b := scripted(t, time.Minute)
	url := newNode(t, b).serve(t)
	a := uploadstest.Must(client.New(client.Config{BaseURL: url, Key: "p"}))(t)
	data := uploadstest.Random(3, size)
	f := uploadstest.Must(a.CreateFile(t.Context(), bytes.NewReader(data), func() (api.CreateFileRequest, error) {
		return api.CreateFileRequest{Filename: "f", Purpose: "user_data"}, nil
	}))(t)
	var asked []string
	s.Script(http.MethodGet, func(x *s3test.Exchange) {
		asked = append(asked, x.R.Header.Get("Range"))
		x.Serve()
	})
	for _, c := range []struct{ first, last, from, to int }{
		{0, 0, 0, block - 1},
		{block - 1, block, 0, 2*block - 1},
		{block + 7, 3*block - 1, block, 3*block - 1},
		{size - 1, size - 1, 12 * block, size - 1},
		{0, size - 1, 0, size - 1},
	} {
		asked = nil
		r := uploadstest.Must(http.NewRequest("GET", url+"/files/"+f.ID+"/content", nil))(t)
		r.Header.Set("Authorization", "Bearer p")
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", c.first, c.last))
		resp := uploadstest.Must(http.DefaultClient.Do(r))(t)
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 206 || !bytes.Equal(got, data[c.first:c.last+1]) {
			t.Errorf("bytes %d to %d: status %d, %d bytes, %v", c.first, c.last, resp.StatusCode, len(got), err)
		}
		if want := fmt.Sprintf("[bytes=%d-%d]", c.from, c.to); fmt.Sprint(asked) != want {
			t.Errorf("bytes %d to %d: the store was asked for %v, want %s", c.first, c.last, asked, want)
		}
	}
}
