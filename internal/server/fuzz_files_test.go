package server

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"uploadd/api"
)

// hundred answers to every id with a File of 100 bytes.
type hundred struct {
	api.API
	asked *string // the id
}

type hundredBytes struct{ *bytes.Reader }

var bytes100 = []byte(strings.Repeat("0123456789", 10))

func (hundredBytes) Close() error           { return nil }
func (hundredBytes) CRC32C() (uint32, bool) { return 0, false }
func (hundredBytes) File() *api.File        { return &api.File{ID: "file-x", Filename: "f", Bytes: 100} }

func (h hundred) OpenFile(context.Context, string) (api.Content, error) {
	return hundredBytes{bytes.NewReader(bytes100)}, nil
}

func (h hundred) GetFile(_ context.Context, id string) (*api.File, error) {
	*h.asked = id
	return hundredBytes{}.File(), nil
}

// asHundred lets everybody ask h.
func asHundred(h hundred) http.Handler {
	return New(Config{Authenticate: func(context.Context, Credentials) (Caller, error) { return Caller{API: h}, nil }})
}

var (
	contentHandler = asHundred(hundred{})
	askedID        string
	idHandler      = asHundred(hundred{asked: &askedID})
)

var (
	closedRange = regexp.MustCompile(`^(?i)bytes=[ \t]*([0-9]+)-([0-9]*)[ \t]*$`)
	suffixRange = regexp.MustCompile(`^(?i)bytes=[ \t]*-([0-9]+)[ \t]*$`)
)

// checkRange: what is sent is what Content-Range says, and what RFC 9110 says of a
// Range alone.
func checkRange(t testing.TB, lines string) bool {
	h, ok := header(lines, "Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since")
	if !ok {
		return false
	}
	r := httptest.NewRequest("GET", "/v1/files/file-x/content", nil)
	r.Header = h
	value, alone := h.Get("Range"), len(h) == 1 && len(h["Range"]) > 0
	w := httptest.NewRecorder()
	contentHandler.ServeHTTP(w, r)
	var first, last, size int
	body := w.Body.Bytes()
	switch n, _ := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); w.Code {
	case 200:
		if !bytes.Equal(body, bytes100) {
			t.Fatalf("%q: %q", lines, body)
		}
	case 206:
		if n != 3 || size != 100 || !bytes.Equal(body, bytes100[first:last+1]) || len(body) == 0 {
			t.Fatalf("%q: Content-Range %q, %q", lines, w.Header().Get("Content-Range"), body)
		}
	case 304, 412, 416:
	default:
		t.Fatalf("%q: status %d", lines, w.Code)
	}
	if !alone {
		return w.Code < 400
	}
	want, from, to := 200, 0, 99
	if m := closedRange.FindStringSubmatch(value); m != nil {
		want, from, to = meant(m[1], m[2])
	} else if m := suffixRange.FindStringSubmatch(value); m != nil {
		n, _ := new(big.Int).SetString(m[1], 10)
		want, from = 206, 0
		if n.Sign() == 0 {
			want = 416
		} else if n.Cmp(big.NewInt(100)) < 0 {
			from = 100 - int(n.Int64())
		}
	} else if unit, set, _ := strings.Cut(value, "="); strings.EqualFold(unit, "bytes") && !strings.Contains(set, ",") {
		want = 416
	}
	if w.Code != want || want == 206 && (first != from || last != to) {
		t.Fatalf("%q: status %d, %q; want %d, %d-%d", value, w.Code, w.Header().Get("Content-Range"), want, from, to)
	}
	return w.Code < 400
}

// meant is what a range asks of 100 bytes.
func meant(first, last string) (status, from, to int) {
	a, _ := new(big.Int).SetString(first, 10)
	b := big.NewInt(99)
	if last != "" {
		b.SetString(last, 10)
	}
	if a.Cmp(big.NewInt(99)) > 0 || a.Cmp(b) > 0 {
		return 416, 0, 0
	}
	if b.Cmp(big.NewInt(99)) > 0 {
		b.SetInt64(99)
	}
	return 206, int(a.Int64()), int(b.Int64())
}

// checkDisposition: a name that is allowed is sent in one line of ASCII, which others
// read as an attachment of that name.
func checkDisposition(t testing.TB, name string) bool {
	if api.ValidateFilename("filename", name) != nil {
		return false
	}
	d := disposition(name)
	kind, params, err := mime.ParseMediaType(d)
	want := path.Base(strings.ReplaceAll(name, `\`, "/"))
	if want == "." || want == "/" || want == ".." {
		want = "download"
	}
	if err != nil || kind != "attachment" || len(params) != 1 || params["filename"] != want || strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("%q is sent as %q: %q, %v", name, d, params, err)
	}
	return true
}

// checkID: an id is one element of the path, decoded once.
func checkID(t testing.TB, id string) bool {
	u, err := url.ParseRequestURI("/v1/files/" + id)
	if err != nil || u.RawQuery != "" || u.ForceQuery || strings.HasSuffix(u.Path, "/content") {
		return false
	}
	askedID = ""
	r := httptest.NewRequest("GET", "/", nil)
	r.URL, r.RequestURI = u, u.RequestURI()
	w := httptest.NewRecorder()
	idHandler.ServeHTTP(w, r)
	element := strings.TrimPrefix(u.EscapedPath(), "/v1/files/")
	want := ""
	if !strings.Contains(element, "/") && path.Clean(u.Path) == u.Path {
		want, _ = url.PathUnescape(element)
	}
	if askedID != want || (w.Code == 200) != (want != "") || w.Code != 200 && w.Code != 404 {
		t.Fatalf("%q: asked for %q, want %q; status %d", id, askedID, want, w.Code)
	}
	return w.Code == 200
}
