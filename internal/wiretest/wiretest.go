// Package wiretest holds what a server answers against the OpenAPI document,
// for tests.
package wiretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"uploadd/api"
)

// description is read once: it takes longer than thousands of answers.
var description = sync.OnceValues(func() (validator.Validator, error) {
	doc, err := libopenapi.NewDocument(api.OpenAPI())
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(doc, config.WithStrictMode()) // what is not described fails too
	if len(errs) > 0 {
		return nil, fmt.Errorf("the description is not valid: %v", errs)
	}
	return v, nil
})

// maxBody is how much of an answer is kept to be looked at. Content of Files
// that is larger is not JSON, and has no schema to be held against.
const maxBody = 1 << 20

// Checked passes requests on to h, and reports every answer that the document
// does not allow for the request: its status, headers, and each key and value
// of its body. An answer to what is no operation of the document must be
// an error in OpenAI's shape. Requests are not checked: tests send wrong ones.
func Checked(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	v, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		h.ServeHTTP(rec, r) // one that panics has no answer to look at
		if err := check(v, r, rec); err != nil {
			t.Errorf("%s %s: status %d does not answer to the description: %v\nbody: %.500s", r.Method, r.URL.Path, rec.status, err, rec.body.Bytes())
		}
	})
}

func check(v validator.Validator, r *http.Request, rec *recorder) error {
	header := rec.Header()
	if header.Get("X-Request-Id") == "" {
		return fmt.Errorf("it has no request id")
	}
	if rec.status >= 400 && r.Method != http.MethodHead {
		if err := checkError(header, rec.body.Bytes()); err != nil {
			return err
		}
	}
	path := "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/")
	if rec.status == http.StatusMethodNotAllowed || rec.status == http.StatusNotFound && bytes.Contains(rec.body.Bytes(), []byte(api.CodeUnknownURL)) {
		return nil // no operation
	}
	if r.Method == http.MethodHead && !strings.HasSuffix(path, "/content") {
		r.Method = http.MethodGet
	}
	request, err := http.NewRequest(r.Method, "http://test"+(&escaped{path}).String(), nil)
	if err != nil {
		return err
	}
	response := &http.Response{
		StatusCode: rec.status, Header: header, Request: request,
		Body: io.NopCloser(bytes.NewReader(rec.body.Bytes())),
	}
	good, errs := v.ValidateHttpResponse(request, response)
	if good {
		return nil
	}
	var list []string
	for _, e := range errs {
		text := e.Message + ": " + e.Reason
		for _, s := range e.SchemaValidationErrors {
			text += "; " + s.FieldPath + " " + s.Reason
		}
		list = append(list, text)
	}
	return fmt.Errorf("%s", strings.Join(list, "\n"))
}

// escaped writes a path into a URL.
type escaped struct{ path string }

func (e *escaped) String() string {
	parts := strings.Split(e.path, "/")
	for i, p := range parts {
		if slices.ContainsFunc([]byte(p), func(b byte) bool { return b <= ' ' || b >= 0x7f || strings.IndexByte(`%?#"<>\^{|}`+"`", b) >= 0 }) {
			parts[i] = "odd" // its characters do not matter to the description
		}
	}
	return strings.Join(parts, "/")
}

// checkError wants {"error":{"message","type","param","code"}}, all four.
func checkError(header http.Header, body []byte) error {
	if ct := header.Get("Content-Type"); ct != "application/json" {
		return fmt.Errorf("the error's Content-Type is %q", ct)
	}
	var envelope map[string]map[string]any
	if err := json.Unmarshal(body, &envelope); err != nil {
		return fmt.Errorf("the error is not of OpenAI's shape: %w", err)
	}
	for _, key := range []string{"message", "type", "param", "code"} {
		if _, ok := envelope["error"][key]; !ok {
			return fmt.Errorf("the error has no %q", key)
		}
	}
	if message, _ := envelope["error"]["message"].(string); message == "" || len(envelope) != 1 || len(envelope["error"]) != 4 {
		return fmt.Errorf("the error is not of OpenAI's shape")
	}
	return nil
}

// recorder keeps the beginning of what goes through it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController through.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	rec.body.Write(p[:min(len(p), max(0, maxBody-rec.body.Len()))])
	return rec.ResponseWriter.Write(p)
}
