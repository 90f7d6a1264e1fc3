package s3test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/crc64nvme"
)

// Scripted is a store in memory that misbehaves as its test says. Signatures are not
// looked at. What it is set to do holds from the next request on.
type Scripted struct {
	Store

	// CRC64 and MD5 say which checksums it gives of what it stored.
	CRC64, MD5 bool
	// WriteOnce says that it heeds If-None-Match.
	WriteOnce bool
	// Batches says that it knows DeleteObjects.
	Batches bool
	// Misbehave stands in front of the requests of one kind: PUT, GET, HEAD, DELETE or
	// POST. n counts those since the last call of Script, from 1 on. serve makes it
	// behave. nil behaves.
	Misbehave func(x *Exchange)

	kind    string
	n       int
	mu      sync.Mutex
	objects map[string][]byte
}

// Exchange is a request, and the store that it came to.
type Exchange struct {
	W     http.ResponseWriter
	R     *http.Request
	N     int
	store *Scripted
}

// NewScripted starts one that behaves like AWS.
func NewScripted(t testing.TB) *Scripted {
	s := &Scripted{CRC64: true, MD5: true, WriteOnce: true, Batches: true, objects: map[string][]byte{}}
	s.Name = "a scripted store"
	server := httptest.NewServer(s)
	t.Cleanup(server.CloseClientConnections)
	s.Endpoint = server.URL
	return s
}

// Script sets how requests of a kind are answered from now on.
func (s *Scripted) Script(kind string, misbehave func(x *Exchange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind, s.n, s.Misbehave = kind, 0, misbehave
}

// Asked is how many requests of the kind came since.
func (s *Scripted) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Object returns the bytes under the name that ends in key, and whether there are any.
func (s *Scripted) Object(key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, data := range s.objects {
		if strings.HasSuffix(name, "/"+key) {
			return data, true
		}
	}
	return nil, false
}

// Change replaces the bytes of an object, and with them its ETag.
func (s *Scripted) Change(key string, change func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, data := range s.objects {
		if strings.HasSuffix(name, "/"+key) {
			s.objects[name] = change(slices.Clone(data))
		}
	}
}

func (s *Scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &Exchange{W: w, R: r, store: s}
	s.mu.Lock()
	misbehave := s.Misbehave
	if r.Method != s.kind {
		misbehave = nil
	} else {
		s.n++
		x.N = s.n
	}
	s.mu.Unlock()
	if misbehave != nil {
		misbehave(x)
		return
	}
	x.Serve()
}

// Serve answers as it should be.
func (x *Exchange) Serve() {
	name := strings.TrimPrefix(x.R.URL.Path, "/"+Bucket+"/")
	switch x.R.Method {
	case http.MethodPut:
		if data, ok := x.Read(); ok {
			x.Keep(name, data)
		}
	case http.MethodGet, http.MethodHead:
		x.get(name)
	case http.MethodDelete:
		x.store.mu.Lock()
		delete(x.store.objects, name)
		x.store.mu.Unlock()
		x.W.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		x.deleteObjects()
	}
}

// Name is the name of the object that is asked for.
func (x *Exchange) Name() string { return strings.TrimPrefix(x.R.URL.Path, "/"+Bucket+"/") }

// Read reads the whole body.
func (x *Exchange) Read() (data []byte, ok bool) {
	data, err := io.ReadAll(x.R.Body)
	return data, err == nil
}

// Store stores an object, without an answer.
func (x *Exchange) Store(name string, data []byte) {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	x.store.objects[name] = data
}

// Keep stores data, unless the request says otherwise, and answers.
func (x *Exchange) Keep(name string, data []byte) {
	s := x.store
	s.mu.Lock()
	_, exists := s.objects[name]
	refused := exists && s.WriteOnce && x.R.Header.Get("If-None-Match") == "*"
	if !refused {
		s.objects[name] = data
	}
	s.mu.Unlock()
	if refused {
		x.Fail(http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	x.Stored(data)
}

// Stored answers that data is stored.
func (x *Exchange) Stored(data []byte) {
	if x.store.CRC64 {
		sum := crc64nvme.New()
		sum.Write(data)
		x.W.Header().Set("X-Amz-Checksum-Crc64nvme", base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	x.W.Header().Set("Etag", x.store.etag(data))
}

func (s *Scripted) etag(data []byte) string {
	sum := md5.Sum(data)
	if !s.MD5 {
		sum[0] ^= 0xff // as of an object that is encrypted
	}
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// Fail answers with an error as S3 writes it.
func (x *Exchange) Fail(status int, code string) {
	x.W.Header().Set("Content-Type", "application/xml")
	x.W.WriteHeader(status)
	fmt.Fprintf(x.W, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>scripted</Message></Error>`, code)
}

// Cut breaks the connection.
func (x *Exchange) Cut() {
	if c, _, err := x.W.(http.Hijacker).Hijack(); err == nil {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// Hang does nothing until the client gives up.
func (x *Exchange) Hang() {
	io.Copy(io.Discard, x.R.Body)
	<-x.R.Context().Done()
}

// Asked returns the range that a GET asks for, and the object.
func (x *Exchange) Asked() (data []byte, first, last int) {
	x.store.mu.Lock()
	defer x.store.mu.Unlock()
	data = x.store.objects[x.Name()]
	last = len(data) - 1
	if given := x.R.Header.Get("Range"); given != "" {
		fmt.Sscanf(given, "bytes=%d-%d", &first, &last)
	}
	return data, first, min(last, len(data)-1)
}

// Answer begins an answer to a GET that announces the bytes from first to last, and
// sends n of them.
func (x *Exchange) Answer(data []byte, first, last, n int) {
	x.W.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(data)))
	x.W.Header().Set("Content-Length", strconv.Itoa(last-first+1))
	x.W.Header().Set("Etag", x.store.etag(data))
	x.W.WriteHeader(http.StatusPartialContent)
	x.W.Write(data[first : first+n])
	x.W.(http.Flusher).Flush()
}

func (x *Exchange) get(name string) {
	s := x.store
	s.mu.Lock()
	data, exists := s.objects[name]
	s.mu.Unlock()
	if !exists {
		x.Fail(http.StatusNotFound, "NoSuchKey")
		return
	}
	x.W.Header().Set("Etag", s.etag(data))
	http.ServeContent(x.W, x.R, "", time.Time{}, bytes.NewReader(data))
}

// Result is an answer to DeleteObjects.
type Result struct {
	XMLName xml.Name `xml:"DeleteResult"`
	Deleted []struct{ Key string }
	Error   []struct{ Key, Code string }
}

// Doomed are the names that a DeleteObjects is about.
func (x *Exchange) Doomed() (names []string) {
	var asked struct{ Object []struct{ Key string } }
	data, ok := x.Read() // to its end: a sender who is answered before may miss the answer
	if !ok || xml.Unmarshal(data, &asked) != nil {
		return nil
	}
	for _, o := range asked.Object {
		names = append(names, o.Key)
	}
	return names
}

func (x *Exchange) deleteObjects() {
	if !x.store.Batches {
		x.Fail(http.StatusNotImplemented, "NotImplemented")
		return
	}
	var answer Result
	for _, name := range x.Doomed() {
		x.store.mu.Lock()
		delete(x.store.objects, name)
		x.store.mu.Unlock()
		answer.Deleted = append(answer.Deleted, struct{ Key string }{name})
	}
	x.Tell(answer)
}

// Tell answers with XML.
func (x *Exchange) Tell(answer any) {
	body, err := xml.Marshal(answer)
	if err != nil {
		panic(errors.Join(errors.New("an answer of the scripted store"), err))
	}
	x.W.Header().Set("Content-Type", "application/xml")
	x.W.Write(body)
}

// Names lists what is stored.
func (s *Scripted) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}
