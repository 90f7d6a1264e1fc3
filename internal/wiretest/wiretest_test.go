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
			w.Header().Set("Content-Type", tt.contentType)
			w.Header().Set("X-Request-Id", "req_00000000000000000000000000000000")
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
