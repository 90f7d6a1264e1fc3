package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"uploadd/internal/conform"
)

// relay stands between a run and a server, and breaks one rule.
type relay struct {
	fault    fault // nil for none
	check    atomic.Pointer[string]
	requests atomic.Int64
	sent     atomic.Int64
}

// fault answers a call, or breaks the connection with nil. next passes the call on to the
// server.
type fault func(c *call, next func(*call) *reply) *reply

// call is a request with its body.
type call struct {
	*http.Request
	data  []byte
	kind  string // method and path, "{id}" for ids
	check string // the check that sends it
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// progress keeps which check runs.
func (r *relay) progress(_, _ int, id string) { r.check.Store(&id) }

// client goes by way of the relay.
func (r *relay) client() *http.Client { return &http.Client{Transport: r} }

func (r *relay) RoundTrip(req *http.Request) (*http.Response, error) {
	r.requests.Add(1)
	c := &call{Request: req, kind: kindOf(req)}
	if id := r.check.Load(); id != nil {
		c.check = *id
	}
	if req.Body != nil {
		var err error
		if c.data, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		r.sent.Add(int64(len(c.data)))
	}
	var failed error
	next := func(c *call) *reply {
		out := c.Clone(req.Context())
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(c.data)), int64(len(c.data))
		if len(c.data) == 0 {
			out.Body = http.NoBody
		}
		if req.ContentLength < 0 {
			out.ContentLength = -1
		}
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			failed = err
			return &reply{status: http.StatusBadGateway, header: http.Header{}}
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			failed = err
		}
		return &reply{resp.StatusCode, resp.Header, body}
	}
	var a *reply
	if r.fault == nil {
		a = next(c)
	} else {
		a = r.fault(c, next)
	}
	if failed != nil {
		return nil, failed
	}
	if a == nil {
		return nil, io.ErrUnexpectedEOF
	}
	resp := &http.Response{StatusCode: a.status, Header: a.header, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body))}
	if req.Method == http.MethodHead {
		fmt.Sscan(a.header.Get("Content-Length"), &resp.ContentLength)
	}
	return resp, nil
}

func kindOf(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1"), "/")
	if len(parts) > 2 {
		parts[2] = "{id}"
	}
	return r.Method + " " + strings.Join(parts, "/")
}

const (
	postUpload   = "POST /uploads"
	postPart     = "POST /uploads/{id}/parts"
	postComplete = "POST /uploads/{id}/complete"
	postCancel   = "POST /uploads/{id}/cancel"
	postFile     = "POST /files"
	listFiles    = "GET /files"
	getFile      = "GET /files/{id}"
	deleteFile   = "DELETE /files/{id}"
	getContent   = "GET /files/{id}/content"
)

// id is the one in the path.
func (c *call) id() string { return strings.Split(c.URL.Path, "/")[3] }

// json is the body, nil if it is no object.
func (c *call) json() (o map[string]any) {
	if json.Unmarshal(c.data, &o) != nil {
		return nil
	}
	return o
}

// set replaces the body.
func (c *call) set(o map[string]any) { c.data = must(json.Marshal(o)) }

// field is one of a form; nil if there is none.
func (c *call) field(name string) (*multipart.Part, []byte) {
	_, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil
	}
	for r := multipart.NewReader(bytes.NewReader(c.data), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err != nil {
			return nil, nil
		}
		if p.FormName() == name {
			data, err := io.ReadAll(p)
			if err != nil {
				return nil, nil
			}
			return p, data
		}
	}
}

func (c *call) has(name string) bool {
	p, _ := c.field(name)
	return p != nil
}

// header is one of a field of a form.
func (c *call) fieldHeader(name, header string) string {
	if p, _ := c.field(name); p != nil {
		return p.Header.Get(header)
	}
	return ""
}

// query changes the parameters of the URL.
func (c *call) query(change func(q map[string][]string)) {
	q := c.URL.Query()
	change(q)
	c.URL.RawQuery = q.Encode()
}

// by says whose key it carries.
func (c *call) by(key string) bool { return c.Header.Get("Authorization") == "Bearer "+key }

func (c *call) use(key string) { c.Header.Set("Authorization", "Bearer "+key) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func answer(status int, body string) *reply {
	return &reply{status, http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_relay"}}, []byte(body)}
}

// refusal is an error of OpenAI's shape.
func refusal(status int) *reply {
	return answer(status, `{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":null}}`)
}

// object is the body, nil if it is none.
func (a *reply) object() (o map[string]any) {
	if json.Unmarshal(a.body, &o) != nil {
		return nil
	}
	return o
}

func (a *reply) set(o map[string]any) *reply {
	a.body = must(json.Marshal(o))
	return a
}

func (a *reply) says(text string) bool { return strings.Contains(string(a.body), text) }

type condition func(*call) bool

// refuse answers calls of a kind that fulfil a condition with a status.
func refuse(kind string, status int, when condition) fault {
	return func(c *call, next func(*call) *reply) *reply {
		if c.kind == kind && when(c) {
			return refusal(status)
		}
		return next(c)
	}
}

// let answers calls that the server refuses, and that fulfil a condition, with success.
func let(kind, body string, when condition) fault {
	return reword(kind, func(c *call, a *reply) {
		if a.status >= 400 && when(c) {
			*a = *answer(200, body)
		}
	})
}

// reword changes the answers to calls of a kind.
func reword(kind string, change func(*call, *reply)) fault {
	return func(c *call, next func(*call) *reply) *reply {
		a := next(c)
		if c.kind == kind {
			change(c, a)
		}
		return a
	}
}

// edit changes the objects that answer calls of a kind, where they succeed.
func edit(kind string, change func(c *call, o map[string]any)) fault {
	return reword(kind, func(c *call, a *reply) {
		if o := a.object(); a.status == 200 && o != nil {
			change(c, o)
			a.set(o)
		}
	})
}

// set gives a key of those objects a value.
func set(kind, key string, value any) fault {
	return edit(kind, func(_ *call, o map[string]any) { o[key] = value })
}

// drop takes a key away.
func drop(kind, key string) fault {
	return edit(kind, func(_ *call, o map[string]any) { delete(o, key) })
}

// send changes calls of a kind on their way.
func send(kind string, change func(*call)) fault {
	return func(c *call, next func(*call) *reply) *reply {
		if c.kind == kind {
			change(c)
		}
		return next(c)
	}
}

// during limits a fault to the calls of a check, and to what removes its traces.
func during(check string, f fault) fault {
	return func(c *call, next func(*call) *reply) *reply {
		if c.check == check {
			return f(c, next)
		}
		return next(c)
	}
}

func always(*call) bool { return true }

// memory is what a fault remembers from one call to another.
type memory struct {
	mu   sync.Mutex
	seen map[string][]string
}

// add notes a value, and returns those that there were.
func (m *memory) add(key, value string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string][]string{}
	}
	before := m.seen[key]
	m.seen[key] = append(append([]string{}, before...), value)
	return before
}

func (m *memory) get(key string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[key]
}

// options are those of a run by way of the relay.
func (r *relay) options(s *server) conform.Options {
	return conform.Options{BaseURL: s.URL + "/v1", Key: s.key, OtherKey: s.other, HTTP: r.client(), Progress: r.progress}
}
