package wiretest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// witness remembers what was reported to it.
type witness struct {
	testing.TB
	reports []string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.reports = append(w.reports, fmt.Sprintf(format, args...))
}

const good = `{"object":"file","id":"file-0123456789abcdefghijKL","purpose":"batch","filename":"f","bytes":1,"created_at":5,"expires_at":null,"status":"processed","status_details":null}`

var headers = map[string]string{
	"X-Request-Id": "req_00000000000000000000000000000000", "Openai-Version": "2020-10-01", "Openai-Processing-Ms": "1",
	"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer",
	"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin",
}

var contentHeaders = map[string]string{
	"ETag": `"file-0123456789abcdefghijKL"`, "Accept-Ranges": "bytes", "Content-Length": "5",
	"Last-Modified": "Tue, 24 Nov 2026 10:00:00 GMT", "Content-Disposition": "attachment", "Repr-Digest": "crc32c=:AAAAAA==:",
}

func TestChecked(t *testing.T) {
	wrong := `{"error":{"message":"No such File object: x","type":"invalid_request_error","param":"id","code":null}}`
	for _, tt := range []struct {
		name, method, path string
		status             int
		contentType, body  string
		ok                 bool
	}{
		{"a file", "GET", "/v1/files/x", 200, "application/json", good, true},
		{"without /v1", "GET", "/files/x", 200, "application/json", good, true},
		{"an error", "GET", "/v1/files/x", 404, "application/json", wrong, true},
		{"a list", "GET", "/v1/files", 200, "application/json", `{"object":"list","data":[` + good + `],"first_id":"a","last_id":"b","has_more":true}`, true},
		{"content", "GET", "/v1/files/x/content", 200, "application/octet-stream", "bytes", true},
		{"unknown route", "GET", "/v2", 404, "application/json", strings.Replace(wrong, `"code":null`, `"code":"unknown_url"`, 1), true},
		{"content without a body", "HEAD", "/v1/files/x/content", 200, "application/octet-stream", "", true},
		{"an id with a slash", "GET", "/v1/files/a%2Fb", 404, "application/json", wrong, true},
		{"a route that was lost", "GET", "/v1/files/x", 404, "application/json", strings.Replace(wrong, `"code":null`, `"code":"unknown_url"`, 1), false},
		{"a method that was lost", "DELETE", "/v1/files/x", 405, "application/json", wrong, false},
		{"a route that is not described", "GET", "/v1/secrets", 200, "application/json", "{}", false},
		{"without X-Content-Type-Options", "GET", "/v1/files/x", 200, "application/json", good, false},
		{"without Content-Security-Policy, unknown route", "GET", "/v2", 404, "application/json", wrong, false},
		{"an error's number", "GET", "/v2", 404, "application/json", strings.Replace(wrong, `"id"`, `5`, 1), false},
		{"an error's type", "GET", "/v2", 404, "application/json", strings.Replace(wrong, `invalid_request_error`, `oops`, 1), false},
		{"a wrong type", "GET", "/v1/files/x", 200, "application/json", strings.Replace(good, `"bytes":1`, `"bytes":"1"`, 1), false},
		{"a missing key", "GET", "/v1/files/x", 200, "application/json", strings.Replace(good, `"expires_at":null,`, ``, 1), false},
		{"an extra key", "GET", "/v1/files/x", 200, "application/json", strings.Replace(good, `{`, `{"extra":1,`, 1), false},
		{"a null id", "GET", "/v1/files/x", 200, "application/json", strings.Replace(good, `"file-0123456789abcdefghijKL"`, `null`, 1), false},
		{"an id of another shape", "GET", "/v1/files/x", 200, "application/json", strings.Replace(good, `file-0`, `file_0`, 1), false},
		{"an extra key in a list", "GET", "/v1/files", 200, "application/json", `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":true,"x":1}`, false},
		{"an unknown status", "GET", "/v1/files/x", 202, "application/json", good, false},
		{"a conflict", "GET", "/v1/files/x", 409, "application/json", wrong, false},
		{"an error as text", "GET", "/v1/files/x", 404, "text/plain", "not found", false},
		{"an error without param", "GET", "/v1/files/x", 404, "application/json", strings.Replace(wrong, `"param":"id",`, ``, 1), false},
		{"an error with more", "GET", "/v1/files/x", 404, "application/json", strings.Replace(wrong, `"param":"id",`, `"param":"id","x":1,`, 1), false},
		{"unknown route as text", "GET", "/v2", 404, "text/plain", "404 page not found", false},
	} {
		w := &witness{TB: t}
		Checked(w, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range headers {
				if !strings.HasPrefix(tt.name, "without "+name) {
					w.Header().Set(name, value)
				}
			}
			if strings.HasSuffix(tt.path, "/content") {
				for name, value := range contentHeaders {
					w.Header().Set(name, value)
				}
			}
			w.Header().Set("Content-Type", tt.contentType)
			w.WriteHeader(tt.status)
			w.Write([]byte(tt.body))
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil))
		if (len(w.reports) == 0) != tt.ok {
			t.Errorf("%s: reported %q", tt.name, w.reports)
		}
	}
	w := &witness{TB: t}
	Checked(w, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/files", nil))
	if len(w.reports) != 1 {
		t.Errorf("no request id: reported %q", w.reports)
	}
}
