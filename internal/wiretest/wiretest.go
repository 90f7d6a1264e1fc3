// Package wiretest holds what a server answers against the OpenAPI document,
// for tests.
package wiretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
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
	if rec.status == 0 {
		rec.keep(http.StatusOK)
	}
	if rec.status >= 400 && r.Method != http.MethodHead {
		if err := checkError(rec.header, rec.body.Bytes()); err != nil {
			return err
		}
	}
	// Every GET is a HEAD without a body, which has nothing to be looked at.
	method := r.Method
	if method == http.MethodHead {
		if rec.body.Len() > 0 && rec.status >= 400 {
			rec.body.Reset()
		}
		if method = http.MethodGet; rec.status != http.StatusOK || !strings.HasSuffix(r.URL.Path, "/content") {
			return checkHeaders(rec.header)
		}
		method = http.MethodHead
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/v1")
	if !operation(method, path) {
		if rec.status != http.StatusMethodNotAllowed && rec.status != http.StatusNotFound {
			return fmt.Errorf("this is no operation of the description")
		}
		return checkHeaders(rec.header)
	}
	if rec.status == http.StatusMethodNotAllowed || bytes.Contains(rec.body.Bytes(), []byte(`"`+api.CodeUnknownURL+`"`)) {
		return fmt.Errorf("this is an operation of the description, and the server does not know it")
	}
	request, err := http.NewRequest(method, "http://test"+path, nil)
	if err != nil {
		return err
	}
	response := &http.Response{
		StatusCode: rec.status, Header: rec.header, Request: request,
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

// operation says whether the description has one of this method and path.
func operation(method, path string) bool {
	for template, methods := range operations() {
		if !slices.Contains(methods, strings.ToLower(method)) {
			continue
		}
		want, have := strings.Split(template, "/"), strings.Split(path, "/")
		if slices.EqualFunc(want, have, func(w, h string) bool { return w == h || strings.HasPrefix(w, "{") && h != "" }) {
			return true
		}
	}
	return false
}

// operations are the methods of each path.
var operations = sync.OnceValue(func() map[string][]string {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(api.OpenAPI(), &doc); err != nil {
		panic(err) // package api has a test of its own
	}
	list := map[string][]string{}
	for path, item := range doc.Paths {
		list[path] = slices.Collect(maps.Keys(item))
	}
	return list
})

// checkHeaders wants those that every answer has.
func checkHeaders(h http.Header) error {
	for _, name := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"} {
		if h.Get(name) == "" {
			return fmt.Errorf("it has no %s", name)
		}
	}
	return nil
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
	e := envelope["error"]
	for _, key := range []string{"message", "type", "param", "code"} {
		value, ok := e[key]
		if text, isText := value.(string); !ok || !isText && value != nil || isText && text == "" {
			return fmt.Errorf("the error's %q is %v", key, value)
		}
	}
	if len(envelope) != 1 || len(e) != 4 || e["message"] == nil || e["type"] != api.TypeInvalidRequest && e["type"] != api.TypeServer {
		return fmt.Errorf("the error is not of OpenAI's shape")
	}
	return nil
}

// recorder keeps what goes through it: headers as they were when they were sent,
// JSON whole, and the beginning of other bodies.
type recorder struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController through.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) keep(status int) {
	rec.status, rec.header = status, rec.Header().Clone()
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 {
		rec.keep(status)
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.keep(http.StatusOK)
	}
	room := len(p)
	if rec.header.Get("Content-Type") != "application/json" {
		room = min(room, max(0, maxBody-rec.body.Len()))
	}
	rec.body.Write(p[:room])
	return rec.ResponseWriter.Write(p)
}
