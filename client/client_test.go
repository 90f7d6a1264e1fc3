package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadd/api"
)

const testKey = "sk-secret-0123456789"

// serve starts a server and a Client of it with a key.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := New(Config{BaseURL: srv.URL + "/v1/", Key: testKey, Organization: "org", Project: "proj"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections) // before the server waits for them
	return c
}

func TestNew(t *testing.T) {
	for _, base := range []string{
		"", "127.0.0.1:8080/v1", "ftp://host/v1", "http://", "http://:80/v1", "http://host/v1?x=1", "http://host/#f",
		"http://user:hunter2secret@host/v1", "http://user:hunter2secret@ho st/v1", "://hunter2secret",
	} {
		_, err := New(Config{BaseURL: base, Key: testKey})
		if err == nil {
			t.Errorf("New(%q) succeeded", base)
		} else if strings.Contains(err.Error(), "hunter2secret") {
			t.Errorf("New(%q): the error has the password: %v", base, err)
		}
	}
	if _, err := New(Config{BaseURL: "http://host/v1", Key: "sk-\nsecret"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("New with a newline in the key: %v", err)
	}
	own := &http.Client{}
	if _, err := New(Config{BaseURL: "http://host", HTTP: own}); err != nil || own.CheckRedirect != nil {
		t.Errorf("New: %v; the caller's http.Client changed: %v", err, own.CheckRedirect != nil)
	}
}

// TestRequests checks what each JSON method sends.
func TestRequests(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name, want, body string
		call             func(*Client) error
	}{
		{"CreateUpload", "POST /v1/uploads", `{"filename":"a","purpose":"batch","bytes":3,"mime_type":"txt"}`, func(c *Client) error {
			_, err := c.CreateUpload(ctx, api.CreateUploadRequest{Filename: "a", Purpose: "batch", Bytes: 3, MimeType: "txt"})
			return err
		}},
		{"GetUpload escapes", "GET /v1/uploads/a%2Fb%3Fc%20%25", "", func(c *Client) error {
			_, err := c.GetUpload(ctx, "a/b?c %")
			return err
		}},
		{"ListUploads, zero", "GET /v1/uploads", "", func(c *Client) error {
			_, err := c.ListUploads(ctx, api.ListQuery{})
			return err
		}},
		{"ListParts", "GET /v1/uploads/upload_1/parts?after=part_1&limit=2", "", func(c *Client) error {
			_, err := c.ListParts(ctx, "upload_1", api.ListQuery{After: "part_1", Limit: 2})
			return err
		}},
		{"CompleteUpload, no parts", "POST /v1/uploads/upload_1/complete", `{"part_ids":[]}`, func(c *Client) error {
			_, err := c.CompleteUpload(ctx, "upload_1", api.CompleteUploadRequest{})
			return err
		}},
		{"CancelUpload", "POST /v1/uploads/upload_1/cancel", "", func(c *Client) error {
			_, err := c.CancelUpload(ctx, "upload_1")
			return err
		}},
		{"ListFiles", "GET /v1/files?after=x%26y&limit=-1&order=asc&purpose=fine-tune", "", func(c *Client) error {
			_, err := c.ListFiles(ctx, api.ListQuery{After: "x&y", Limit: -1, Order: "asc", Purpose: "fine-tune"})
			return err
		}},
		{"GetFile", "GET /v1/files/file-1", "", func(c *Client) error { _, err := c.GetFile(ctx, "file-1"); return err }},
		{"DeleteFile", "DELETE /v1/files/file-1", "", func(c *Client) error { _, err := c.DeleteFile(ctx, "file-1"); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Method + " " + r.RequestURI; got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
				body, _ := io.ReadAll(r.Body)
				if string(body) != tt.body {
					t.Errorf("body %s, want %s", body, tt.body)
				}
				wantType := ""
				if tt.body != "" {
					wantType = "application/json"
				}
				for name, want := range map[string]string{
					"Authorization": "Bearer " + testKey, "Openai-Organization": "org", "Openai-Project": "proj",
					"Accept": "application/json", "Content-Type": wantType,
				} {
					if got := r.Header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				io.WriteString(w, `{}`)
			})
			if err := tt.call(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":"upload_1","object":"upload","bytes":3,"created_at":7,"filename":"a","purpose":"batch",
			"status":"completed","expires_at":9,"future":true,"file":{"id":"file-1","bytes":3,"expires_at":null}}`)
	})
	u, err := c.GetUpload(context.Background(), "upload_1")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(u)
	const want = `{"id":"upload_1","object":"upload","bytes":3,"created_at":7,"filename":"a","purpose":"batch","status":"completed","expires_at":9,` +
		`"file":{"object":"","id":"file-1","purpose":"","filename":"","bytes":3,"created_at":0,"expires_at":null,"status":"","status_details":null}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		is     []error
		isNot  error
		want   api.Error
	}{
		{"404 with a param", 404, `{"error":{"message":"No such File object: x","type":"invalid_request_error","param":"id","code":null}}`,
			[]error{api.ErrNotFound}, api.ErrInvalid,
			api.Error{Message: "No such File object: x", Type: "invalid_request_error", Param: "id"}},
		{"state", 400, `{"error":{"message":"cancelled","type":"invalid_request_error","param":null,"code":"invalid_upload_state"},"detail":{}}`,
			[]error{api.ErrState, api.ErrInvalid}, api.ErrNotFound,
			api.Error{Message: "cancelled", Type: "invalid_request_error", Code: api.CodeState}},
		{"invalid is not state", 400, `{"error":{"message":"m"}}`,
			[]error{api.ErrInvalid}, api.ErrState, api.Error{Message: "m"}},
		{"number as code", 429, `{"error":{"message":"m","code":429}}`, nil, api.ErrInvalid, api.Error{Message: "m", Code: "429"}},
		{"storage full", 507, `{"error":{"message":"full","type":"server_error","param":null,"code":"storage_full"}}`,
			[]error{api.ErrStorageFull}, api.ErrInternal, api.Error{Message: "full", Type: "server_error", Code: "storage_full"}},
		{"html of a proxy", 502, "<html>\n<h1>Bad Gateway</h1>" + strings.Repeat(" x", 200),
			nil, api.ErrInternal,
			api.Error{Message: `The server answered 502 Bad Gateway: "<html>\n<h1>Bad Gateway</h1>` + strings.Repeat(" x", 86) + ` "...`, Type: "server_error"}},
		{"empty 413", 413, "", []error{api.ErrTooLarge}, api.ErrInvalid,
			api.Error{Message: "The server answered 413 Request Entity Too Large with an empty body.", Type: "invalid_request_error"}},
		{"a string as error", 404, `{"error":"not found"}`, []error{api.ErrNotFound}, nil,
			api.Error{Message: `The server answered 404 Not Found: "{\"error\":\"not found\"}"`, Type: "invalid_request_error"}},
		{"an error without an object", 503, `{"error":null}`, []error{api.ErrUnavailable}, nil,
			api.Error{Message: `The server answered 503 Service Unavailable: "{\"error\":null}"`, Type: "server_error"}},
		{"the key is echoed", 401, `{"error":{"message":"Incorrect API key provided: ` + testKey + `.","code":"invalid_api_key"}}`,
			[]error{api.ErrUnauthorized}, nil, api.Error{Message: "Incorrect API key provided: [key].", Code: "invalid_api_key"}},
		{"the key is echoed by a proxy", 400, "Authorization: Bearer " + testKey, []error{api.ErrInvalid}, nil,
			api.Error{Message: `The server answered 400 Bad Request: "Authorization: Bearer [key]"`, Type: "invalid_request_error"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Request-Id", "req_1")
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			_, err := c.GetFile(context.Background(), "file-1")
			var e *api.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			tt.want.Status, tt.want.RetryAfter, tt.want.RequestID = tt.status, 3, "req_1"
			got := api.Error{Status: e.Status, Message: e.Message, Type: e.Type, Param: e.Param, Code: e.Code,
				RetryAfter: e.RetryAfter, ShouldRetry: e.ShouldRetry, RequestID: e.RequestID}
			if got != tt.want {
				t.Errorf("got  %#v\nwant %#v", got, tt.want)
			}
			for _, kind := range tt.is {
				if !errors.Is(err, kind) {
					t.Errorf("errors.Is(%v, %v) is false", err, kind)
				}
			}
			if tt.isNot != nil && errors.Is(err, tt.isNot) {
				t.Errorf("errors.Is(%v, %v) is true", err, tt.isNot)
			}
		})
	}
}

func TestErrorBodyIsBounded(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for r.Context().Err() == nil { // an endless body: only the client ends it
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	if _, err := c.GetFile(context.Background(), "file-1"); !errors.Is(err, api.ErrInternal) || len(err.Error()) > 2000 {
		t.Errorf("%.300v", err)
	}
}

func TestNotJSON(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>Log in to the WLAN") })
	_, err := c.GetFile(context.Background(), "file-1")
	var e *api.Error
	if err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), "Log in to the WLAN") {
		t.Errorf("%v", err)
	}
}

// TestIDs: ids that would make another path never leave the client.
func TestIDs(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.RequestURI) })
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.DeleteFile(context.Background(), id); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("DeleteFile(%q): %v", id, err)
		}
		if _, err := c.AddPart(context.Background(), id, strings.NewReader("x")); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("AddPart(%q): %v", id, err)
		}
	}
}

func TestInvalidUTF8Filename(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("sent") })
	if _, err := c.CreateUpload(context.Background(), api.CreateUploadRequest{Filename: "a\xff"}); !errors.Is(err, api.ErrInvalid) {
		t.Error(err)
	}
}

func TestRedirect(t *testing.T) {
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the second host got %s %s with key %q", r.Method, r.RequestURI, r.Header.Get("Authorization"))
	}))
	defer second.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		h := func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, second.URL+r.URL.Path+"?token=abc", status)
		}
		c := serve(t, h)
		follower, err := New(Config{BaseURL: c.base, Key: testKey, HTTP: &http.Client{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*Client{c, follower} {
			_, err1 := c.GetFile(context.Background(), "file-1")
			_, err2 := c.AddPart(context.Background(), "upload_1", strings.NewReader("x"))
			for _, err := range []error{err1, err2} {
				var e *api.Error
				if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Message, second.URL) || strings.Contains(e.Message, "token") {
					t.Errorf("%d: %v", status, err)
				}
			}
		}
		follower.http.CloseIdleConnections()
	}
}

func TestTransportError(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	c, err := New(Config{BaseURL: srv.URL, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.GetFile(context.Background(), "file-1")
	var e *api.Error
	if err == nil || errors.As(err, &e) || strings.Contains(err.Error(), testKey) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = c.GetFile(ctx, "file-1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestKeyIsNotPrinted: a Client in a log line does not give its key away.
func TestKeyIsNotPrinted(t *testing.T) {
	c, err := New(Config{BaseURL: "http://127.0.0.1:1/v1", Key: "sk-secret-key"})
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "secret") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
