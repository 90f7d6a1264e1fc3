// Package server is the HTTP side of the Uploads and Files APIs: routes,
// decoding, encoding and the errors' shape. It knows package api only: a key
// yields an api.API that acts for its project, and every handler is a
// translation of one request into one call.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"uploadd/api"
)

// Config is what the handler is made of. Authenticate is required.
type Config struct {
	// Authenticate says who sends a request with these credentials. Those that will
	// not do are api.ErrUnauthorized.
	Authenticate func(ctx context.Context, c Credentials) (Caller, error)
	// Ready says whether the stores answer, for GET /readyz. nil is ready.
	Ready func(ctx context.Context) error
	// Page is what is served for GET besides the API: handlers by their whole paths,
	// which set the headers of their answers.
	Page map[string]http.Handler
	// Observe is told of each request as it begins, and may add to its context. The
	// function that it returns is told of the answer, when nothing more of it will be
	// sent, be it by a panic. Both are called by many goroutines at once. nil observes
	// nothing.
	Observe func(r *http.Request) (context.Context, func(Outcome))
	Log     *slog.Logger // nil logs nothing
}

// New returns the handler of all routes. Paths work with and without /v1: the
// SDKs append theirs to whatever base URL they were given.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Config: c, answers: answers{under: map[string]int{}}}
	mux := http.NewServeMux()
	for path, m := range s.routes() {
		mux.Handle("/v1"+path, m)
		mux.Handle(path, m)
	}
	mux.Handle("/healthz", methods{"GET": s.json(s.health)})
	mux.Handle("/readyz", methods{"GET": s.json(s.ready)})
	mux.Handle("/openapi.json", methods{"GET": s.handle(openAPI)})
	for path, h := range c.Page {
		if path == "/" {
			path = rootPattern
		}
		mux.Handle(path, methods{"GET": h})
	}
	mux.Handle(elsePattern, s.handle(unknown))
	s.mux = mux
	return s
}

const (
	rootPattern = "/{$}" // the path / and nothing below it
	elsePattern = "/"    // every path that nothing else is for
)

type server struct {
	Config
	answers answers
	mux     *http.ServeMux
}

// routes is the API, as the reference lists it. Those marked + are extensions.
func (s *server) routes() map[string]methods {
	return map[string]methods{
		"/uploads": {
			"POST": s.call("CreateUpload", createUpload),
			"GET":  s.call("ListUploads", listUploads), // +
		},
		"/uploads/{id}":          {"GET": s.call("GetUpload", getUpload)}, // +
		"/uploads/{id}/parts":    {"POST": s.call("AddPart", addPart), "GET": s.call("ListParts", listParts) /* + */},
		"/uploads/{id}/complete": {"POST": s.call("CompleteUpload", completeUpload)},
		"/uploads/{id}/cancel":   {"POST": s.call("CancelUpload", cancelUpload)},
		"/files":                 {"POST": s.call("CreateFile", createFile), "GET": s.call("ListFiles", listFiles)},
		"/files/{id}":            {"GET": s.call("GetFile", getFile), "DELETE": s.call("DeleteFile", deleteFile)},
		"/files/{id}/content":    {"GET": s.stream("OpenFile", getContent)},
		"/usage":                 {"GET": s.call("Usage", getUsage)}, // +
	}
}

// methods are the handlers of one path.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	if h, ok := m[method]; ok {
		h.ServeHTTP(w, r)
		return
	}
	allowed := slices.Collect(maps.Keys(m))
	if m["GET"] != nil {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	fail(w, r, api.Errorf(api.ErrMethodNotAllowed, "",
		"Not allowed: %.20s %.200s. Allowed methods: %s.", r.Method, r.URL.EscapedPath(), list))
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.begin(w, r)
	defer s.end(x)
	if r.TLS != nil {
		demandTLS(w.Header(), r.Host)
	}
	if x.twofold {
		fail(x, x.request, api.Errorf(api.ErrInvalid, "", "The request has both a Content-Length and a Transfer-Encoding."))
		return
	}
	// ServeMux would redirect these to their cleaned form, the key with them, and
	// give "*" an answer of its own.
	if r.URL.Path != "/" && path.Clean(r.URL.Path) != r.URL.Path || r.RequestURI == "*" {
		fail(x, x.request, unknown(x, x.request))
		return
	}
	s.mux.ServeHTTP(x, x.request)
}

// handle makes a handler of a function that returns its error.
func (s *server) handle(do func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			fail(w, r, err)
		}
	})
}

// json makes a handler of a function whose result is the answer.
func (s *server) json(do func(*http.Request) (any, error)) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		answer, err := do(r)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, answer)
	})
}

// call makes a handler of one call of the caller's API, by the name of its method.
func (s *server) call(method string, do func(api.API, *http.Request) (any, error)) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		a, err := s.authenticate(w, r, method)
		if err != nil {
			return err
		}
		answer, err := do(a, r)
		if err != nil {
			return err
		}
		body, err := encode(answer)
		if err != nil {
			return err
		}
		release, err := s.answers.hold(exchangeOf(w).caller.Project, len(body))
		if err != nil {
			return err
		}
		defer release()
		send(w, http.StatusOK, body)
		return nil
	})
}

// stream makes a handler of a call whose answer is not JSON.
func (s *server) stream(method string, do func(api.API, http.ResponseWriter, *http.Request) error) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		a, err := s.authenticate(w, r, method)
		if err != nil {
			return err
		}
		return do(a, w, r)
	})
}

// demandTLS tells browsers to come by HTTPS from now on. A name such as localhost is
// left out: it stands for every server of a machine, whatever the port. (Of an address
// browsers take no notice.)
func demandTLS(h http.Header, host string) {
	if strings.Contains(host, ".") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func unknown(_ http.ResponseWriter, r *http.Request) error {
	return api.Errorf(api.ErrNotFound, "", "Unknown request URL: %.20s %.200s. Please check the URL for typos.",
		r.Method, r.URL.EscapedPath()).WithCode(api.CodeUnknownURL)
}

func (s *server) health(*http.Request) (any, error) {
	return map[string]string{"status": "ok"}, nil
}

func (s *server) ready(r *http.Request) (any, error) {
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			return nil, api.Errorf(api.ErrUnavailable, "", "The stores do not answer.").WithRetryAfter(1).Because(err)
		}
	}
	return s.health(r)
}

func openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(api.OpenAPI()); err != nil {
		return fmt.Errorf("sending the description: %w", err)
	}
	return nil
}
