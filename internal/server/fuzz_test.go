package server

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"uploadd/api"
)

var (
	inputCount = flag.Int("inputs", 5_000, "how many inputs are put together for each parser")
	inputSeed  = flag.Uint64("seed", 1, "of their choice")
)

// parser is one that reads what clients send. check holds what it makes of an input
// against another way to tell what that should be, and says whether it was taken;
// the pieces are what inputs are put together from.
type parser struct {
	around [2]string // of every other input
	pieces []string
	check  func(t testing.TB, input string) (taken bool)
}

var parsers = map[string]parser{
	"JSON":        {[2]string{`{"a":"`, `"}`}, []string{"{", "}", "[", "]", ":", ",", `"`, `"a"`, `"a":`, `"b":1`, `"\u0061":`, `,"c":null`, "0", "-1", "1e5", "9223372036854775807", "true", "null", " ", "\n", `\`, `\\`, `\"`, `\ufffd`, `\ud800`, `\udc00`, `\uD83D\uDE00`, "\ufffd", "\xff", "x", "\x00", `{"a":"`, `"}`, `{"a":{"b":"`, `"},"c":[1,"d"]}`}, checkJSON},
	"range":       {[2]string{"Range: bytes=", ""}, []string{"Range: ", "If-Range: ", "If-None-Match: ", "If-Match: ", "If-Modified-Since: ", "\n", "bytes=", "Bytes=", "lines=", "=", "0", "1", "9", "10", "99", "100", "101", "18446744073709551616", "-", "-", "-", ",", " ", "\t", "+", "*", `"file-x"`, `W/"file-x"`, `"y"`, "Sat, 01 Jan 2000 00:00:00 GMT", "Range: bytes=5-", "Range: bytes=-"}, checkRange},
	"digest":      {[2]string{"crc32c=:" + goodCRC + ":,", ""}, []string{"md5=:", "MD5=:", "crc32c=:", "sha-256=:", "unknown=:", ":", ":", ",", ", ", "=", " ", goodMD5, goodCRC, wrongMD5, "md5=:" + goodMD5 + ":", "crc32c=:" + goodCRC + ":", "\n", "\nContent-Md5: ", "\nContent-Digest: ", "AAAA", "\x00", ";a=1", "?0"}, checkDigest},
	"credentials": {[2]string{"Authorization: Bearer ", "k"}, []string{"Authorization: ", "Api-Key: ", "Openai-Project: ", "Bearer ", "bearer ", "BEARER", "Basic ", " ", "\t", "\n", "sk-a", "sk-b", "k", ",", "Authorization: Bearer sk-a", "Api-Key: sk-a", "\u00a0", "\x00", "é"}, checkCredentials},
	"list":        {[2]string{"limit=1", ""}, []string{"limit=", "after=", "order=", "purpose=", "&", "&", ";", "=", "%", "%00", "%6c", "+", "-", "0", "1", "10", "10001", "99999999999999999999", "asc", "desc", "file-x", "limit", "x", "é", "limit=5", "after=x"}, checkList},
	"disposition": {[2]string{}, []string{"a", "b.txt", `"`, `\`, "/", ".", "..", ";", "=", "*", "'", "%", "%22", " ", "utf-8''", "filename=", "é", "你", "😀", "\ufffd", "\x7f", "=?utf-8?B?eA==?=", ","}, checkDisposition},
	"id":          {[2]string{}, []string{"file-", "x", "..", ".", "/", "//", "%2f", "%2e", "%2E%2e", "%00", "%ff", "%", "\\", "%5c", "?", "#", ";", "é", " ", "+", "/content", "*", "%25", "{id}", ":"}, checkID},
}

func FuzzJSON(f *testing.F)        { fuzz(f, "JSON") }
func FuzzRange(f *testing.F)       { fuzz(f, "range") }
func FuzzDigest(f *testing.F)      { fuzz(f, "digest") }
func FuzzCredentials(f *testing.F) { fuzz(f, "credentials") }
func FuzzList(f *testing.F)        { fuzz(f, "list") }
func FuzzDisposition(f *testing.F) { fuzz(f, "disposition") }
func FuzzID(f *testing.F)          { fuzz(f, "id") }

func fuzz(f *testing.F, name string) {
	for _, piece := range parsers[name].pieces {
		f.Add(piece)
	}
	f.Fuzz(func(t *testing.T, input string) { parsers[name].check(t, input) })
}

// The same with inputs that are put together from pieces.
func TestParsers(t *testing.T) {
	for name, p := range parsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(*inputSeed, uint64(len(name))))
			taken, begun := 0, time.Now()
			var input strings.Builder
			for range *inputCount {
				input.Reset()
				wrapped := rnd.IntN(2) == 0
				if wrapped {
					input.WriteString(p.around[0])
				}
				for range 1 + rnd.IntN(9) {
					input.WriteString(p.pieces[rnd.IntN(len(p.pieces))])
				}
				if wrapped {
					input.WriteString(p.around[1])
				}
				if p.check(t, input.String()) {
					taken++
				}
			}
			t.Logf("%d inputs, %d taken, %v", *inputCount, taken, time.Since(begun).Round(time.Second))
			if taken < *inputCount/500 || taken == *inputCount {
				t.Errorf("%d of %d inputs were taken: this compares too little", taken, *inputCount)
			}
		})
	}
}

// checkJSON: what is taken is what encoding/json takes as an object, each key of
// which is there once, with the same values.
func checkJSON(t testing.TB, body string) bool {
	got, err := decode(&http.Request{Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, 1<<16)
	var fields map[string]json.RawMessage
	good := utf8.ValidString(body) && len(body) <= 1<<16 && json.Unmarshal([]byte(body), &fields) == nil && fields != nil &&
		len(fields) == countKeys(body)
	if (err == nil) != good {
		t.Fatalf("%q: %v", body, err)
	}
	if err != nil {
		return false
	}
	for name, value := range fields {
		if !bytes.Equal(got.fields[name], value) {
			t.Fatalf("%q: %q is %q", body, name, got.fields[name])
		}
		var want string
		isText := json.Unmarshal(value, &want) == nil && value[0] == '"' && !halves.MatchString(pairs.ReplaceAllString(backslashes.ReplaceAllString(string(value), "x"), "x"))
		if s, ok := text(value); ok != isText || ok && s != want {
			t.Fatalf("%q: %q, %v", value, s, ok)
		}
	}
	return true
}

var (
	backslashes = regexp.MustCompile(`\\[^u]`)
	pairs       = regexp.MustCompile(`\\u[dD][89aAbB]..\\u[dD][c-fC-F]..`)
	halves      = regexp.MustCompile(`\\u[dD][89a-fA-F]..`)
)

// countKeys counts the keys of a valid object by the colons that are in no other
// object, array or string.
func countKeys(body string) (n int) {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			n++
		}
	}
	return n
}

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

// header makes a header of lines; ok is whether it could be one.
func header(lines string, names ...string) (h http.Header, ok bool) {
	h = http.Header{}
	for _, line := range strings.Split(lines, "\n") {
		name, value, found := strings.Cut(line, ": ")
		if name = textproto.CanonicalMIMEHeaderKey(name); !found || !slices.Contains(names, name) {
			return nil, false
		}
		h.Add(name, textproto.TrimString(value))
	}
	return h, true
}

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

var (
	md5OfABC = md5.Sum([]byte("abc"))
	goodMD5  = base64.StdEncoding.EncodeToString(md5OfABC[:])
	wrongMD5 = base64.StdEncoding.EncodeToString(make([]byte, 16))
	goodCRC  = func() string {
		sum := crc32.Checksum([]byte("abc"), crc32.MakeTable(crc32.Castagnoli))
		return base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	}()
	digestItem = regexp.MustCompile(`^(?i)(md5|crc32c|sha-256|sha-512)(=.*)?$`)
)

// checkDigest: what passes is right for each algorithm that is known.
func checkDigest(t testing.TB, lines string) bool {
	h, ok := header("Content-Digest: "+lines, "Content-Digest", "Content-Md5")
	if !ok {
		return false
	}
	d, err := newDigests(h)
	passed := false
	if err == nil {
		io.Copy(io.Discard, d.message(strings.NewReader("the form around it")))
		d.data([]byte("abc"))
		passed = d.check() == nil
	}
	right := true
	for _, line := range h["Content-Digest"] {
		for _, item := range strings.Split(line, ",") {
			m := digestItem.FindStringSubmatch(strings.TrimSpace(item))
			if m == nil {
				continue
			}
			good := map[string]string{"md5": goodMD5, "crc32c": goodCRC}[strings.ToLower(m[1])]
			right = right && good != "" && m[2] == "=:"+good+":"
		}
	}
	for _, value := range h["Content-Md5"] {
		right = right && value == goodMD5
	}
	if passed != right {
		t.Fatalf("%q: passed %v, %v", lines, passed, err)
	}
	return passed
}

var bearer = regexp.MustCompile(`^(?i:bearer) ([^ \t]+)$`)

// checkCredentials: a key is what one header holds, whole, and nothing else.
func checkCredentials(t testing.TB, lines string) bool {
	h, ok := header(lines, "Authorization", "Api-Key", "Openai-Project")
	if !ok {
		return false
	}
	got, err := credentials(h)
	keys, good := map[string]bool{}, true
	for _, name := range []string{"Authorization", "Api-Key", "Openai-Project"} {
		good = good && len(h[name]) < 2
	}
	if value := h.Get("Authorization"); value != "" {
		m := bearer.FindStringSubmatch(value)
		if good = good && m != nil; good {
			keys[m[1]] = true
		}
	}
	if value := h.Get("Api-Key"); value != "" {
		keys[value] = true
	}
	good = good && len(keys) < 2
	if (err == nil) != good {
		t.Fatalf("%q: %+v, %v", lines, got, err)
	}
	if err == nil && (got.Key != "" && !keys[got.Key] || got.Key == "" && len(keys) > 0 || got.Project != h.Get("Openai-Project")) {
		t.Fatalf("%q: %+v", lines, got)
	}
	return err == nil && got.Key != ""
}

// checkList: what is taken says each thing once, and is said again the same.
func checkList(t testing.TB, query string) bool {
	q, err := listQuery(&http.Request{URL: &url.URL{RawQuery: query}})
	if err != nil {
		return false
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatalf("%q: taken, and is no query: %v", query, err)
	}
	for name, got := range map[string]string{"after": q.After, "order": q.Order, "purpose": q.Purpose} {
		if len(values[name]) > 1 || values.Get(name) != got {
			t.Fatalf("%q: %s is %q", query, name, got)
		}
	}
	if n, ok := new(big.Int).SetString(values.Get("limit"), 10); len(values["limit"]) > 1 || values.Has("limit") && (!ok || q.Limit < 1 || n.Cmp(big.NewInt(int64(q.Limit))) != 0) {
		t.Fatalf("%q: limit %d", query, q.Limit)
	}
	return len(values) > 0
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
