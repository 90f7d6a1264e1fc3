// Package openaifake is a peer for tests of the client: it answers as OpenAI's
// reference says of Uploads and Files, and as Azure OpenAI does, and has none of
// what uploadd adds. There is no list of Parts, no look at an Upload, no
// checksum; an Upload lives for an hour; a second completion is refused; Files
// of most purposes cannot be read back. It can be told to be busy, to break, and
// to lose answers.
package openaifake

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadd/api"
)

// life is how long an Upload stays open.
const life = time.Hour

// Server is a running one.
type Server struct {
	URL string // without a path
	// Refuse, if there is one, is asked before a request is acted upon: an error
	// is the answer. Header is that of the answer.
	Refuse func(r *http.Request, header http.Header) *api.Error
	// Lose, if there is one, says of a request that was acted upon that its
	// answer is lost: the connection is cut instead.
	Lose func(r *http.Request) bool
	// OwnTime gives the Files that Uploads become the time of their completion: no
	// document says which it is.
	OwnTime bool

	key     string
	version string // of Azure's api-version; "" for OpenAI

	mu      sync.Mutex
	ahead   time.Duration // of the clock
	uploads map[string]*upload
	files   []*file // in the order they were made
	serial  int
}

type upload struct {
	api.Upload
	parts map[string][]byte
}

type file struct {
	api.File
	data []byte
}

// New starts a server that wants key. It ends with the test.
func New(t testing.TB, key string) *Server { return start(t, key, "") }

// NewAzure starts one that answers as Azure OpenAI's version does.
func NewAzure(t testing.TB, key, version string) *Server { return start(t, key, version) }

func start(t testing.TB, key, version string) *Server {
	s := &Server{key: key, version: version, uploads: map[string]*upload{}}
	prefix := "/v1"
	if version != "" {
		prefix = "/openai"
	}
	mux := http.NewServeMux()
	for route, do := range map[string]func(*http.Request) (any, error){
		"POST /uploads":               s.createUpload,
		"POST /uploads/{id}/parts":    s.addPart,
		"POST /uploads/{id}/complete": s.complete,
		"POST /uploads/{id}/cancel":   s.cancel,
		"POST /files":                 s.createFile,
		"GET /files":                  s.listFiles,
		"GET /files/{id}":             s.getFile,
		"DELETE /files/{id}":          s.deleteFile,
		"GET /files/{id}/content":     s.content,
	} {
		method, path, _ := strings.Cut(route, " ")
		mux.Handle(method+" "+prefix+path, s.handler(do))
	}
	mux.Handle("/", s.handler(func(r *http.Request) (any, error) {
		return nil, api.Errorf(api.ErrNotFound, "", "Invalid URL (%s %s)", r.Method, r.URL.Path)
	}))
	h := httptest.NewServer(mux)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// handler answers with what do returns.
func (s *Server) handler(do func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := any(nil), s.authenticate(r)
		if err == nil && s.Refuse != nil {
			if refused := s.Refuse(r, w.Header()); refused != nil {
				err = refused
			}
		}
		if err == nil {
			answer, err = do(r)
		}
		if s.Lose != nil && s.Lose(r) {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		if e, ok := err.(*api.Error); ok {
			w.WriteHeader(e.Status)
			answer = map[string]any{"error": e}
		} else if err != nil {
			panic(http.ErrAbortHandler) // the body was cut
		}
		if raw, ok := answer.([]byte); ok {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(raw)
			return
		}
		json.NewEncoder(w).Encode(answer)
	})
}

// authenticate wants the key where it belongs, and nowhere else.
func (s *Server) authenticate(r *http.Request) error {
	want, got := "Bearer "+s.key, r.Header.Get("Authorization")
	if s.version != "" {
		want, got = s.key, r.Header.Get("api-key")+r.Header.Get("Authorization")
		if v := r.URL.Query().Get("api-version"); v != s.version {
			return api.Errorf(api.ErrNotFound, "", "Resource not found: the api-version is %q", v)
		}
	}
	if got != want {
		return api.Errorf(api.ErrUnauthorized, "", "Incorrect API key provided: %s.", got)
	}
	return nil
}

// Advance sets the clock forward.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Contents returns the bytes of the Files there are, in the order they were made.
func (s *Server) Contents() (all [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		all = append(all, f.data)
	}
	return all
}

// Parts tells how many Parts all Uploads have been sent.
func (s *Server) Parts() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.uploads {
		n += len(u.parts)
	}
	return n
}

func (s *Server) now() int64 { return time.Now().Add(s.ahead).Unix() }

func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%024x", prefix, s.serial)
}

func (s *Server) createUpload(r *http.Request) (any, error) {
	var req api.CreateUploadRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, api.Errorf(api.ErrInvalid, "", "We could not parse the JSON body of your request.")
	}
	if req.Bytes < 1 || req.Bytes > api.MaxUpload {
		return nil, api.Errorf(api.ErrInvalid, "bytes", "Invalid value for 'bytes'.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	u := &upload{parts: map[string][]byte{}, Upload: api.Upload{
		ID: s.id("upload_"), Object: "upload", Bytes: req.Bytes, Filename: req.Filename, Purpose: req.Purpose,
		Status: api.StatusPending, CreatedAt: now, ExpiresAt: now + int64(life/time.Second),
	}}
	s.uploads[u.ID] = u
	return u.Upload, nil
}

// pending finds an Upload that can still be changed.
func (s *Server) pending(r *http.Request) (*upload, error) {
	u := s.uploads[r.PathValue("id")]
	if u == nil {
		return nil, api.Errorf(api.ErrNotFound, "", "No such Upload object: %s", r.PathValue("id"))
	}
	if u.Status == api.StatusPending && s.now() >= u.ExpiresAt {
		u.Status = api.StatusExpired
	}
	if u.Status != api.StatusPending {
		return nil, api.Errorf(api.ErrInvalid, "", "Upload %s is already %s.", u.ID, u.Status)
	}
	return u, nil
}

func (s *Server) addPart(r *http.Request) (any, error) {
	data, _, err := form(r, "data")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.pending(r)
	if err != nil {
		return nil, err
	}
	id := s.id("part_")
	u.parts[id] = data
	return api.Part{ID: id, Object: "upload.part", CreatedAt: s.now(), UploadID: u.ID}, nil
}

func (s *Server) complete(r *http.Request) (any, error) {
	var req api.CompleteUploadRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, api.Errorf(api.ErrInvalid, "", "We could not parse the JSON body of your request.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.pending(r)
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, id := range req.PartIDs {
		part, ok := u.parts[id]
		if !ok {
			return nil, api.Errorf(api.ErrInvalid, "part_ids", "Part %s was not found in upload %s.", id, u.ID)
		}
		data = append(data, part...)
	}
	if int64(len(data)) != u.Bytes {
		return nil, api.Errorf(api.ErrInvalid, "", "The parts have %d bytes, the upload %d.", len(data), u.Bytes)
	}
	if sum := md5.Sum(data); req.MD5 != "" && req.MD5 != hex.EncodeToString(sum[:]) {
		return nil, api.Errorf(api.ErrInvalid, "md5", "The MD5 checksum does not match.")
	}
	u.Status = api.StatusCompleted
	created := u.CreatedAt
	if s.OwnTime {
		created = s.now()
	}
	f := s.add(api.File{Filename: u.Filename, Purpose: u.Purpose, CreatedAt: created}, data)
	u.File = &f
	return u.Upload, nil
}

func (s *Server) cancel(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.pending(r)
	if err != nil {
		return nil, err
	}
	u.Status = api.StatusCancelled
	return u.Upload, nil
}

// add makes a File.
func (s *Server) add(f api.File, data []byte) api.File {
	f.ID, f.Object, f.Status, f.Bytes = s.id("file-"), "file", "processed", int64(len(data))
	s.files = append(s.files, &file{f, data})
	return f
}

// form reads the bytes of a form, and its other fields.
func form(r *http.Request, field string) (data []byte, values map[string]string, err error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, nil, api.Errorf(api.ErrInvalid, "", "Invalid body: %v", err)
	}
	values = map[string]string{}
	for {
		var p *multipart.Part
		if p, err = mr.NextPart(); err == io.EOF {
			return data, values, nil
		} else if err != nil {
			return nil, nil, err
		}
		raw, err := io.ReadAll(p)
		if err != nil {
			return nil, nil, err
		}
		if p.FormName() == field {
			data, values["filename"] = raw, p.FileName()
		} else {
			values[p.FormName()] = string(raw)
		}
	}
}
