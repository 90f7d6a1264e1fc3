package server

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"flag"
	"hash/crc32"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
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
	"framing":     {[2]string{"Content-Length: 1\r\n", "\r\n\r\n"}, []string{"Content-Length", "content-length:", "Transfer-Encoding", "TRANSFER-ENCODING:", ":", " ", "\t", "\r", "\n", "\r\n", "\r\n", "\r\n\r\n", "chunked", "0", "X: y\r\n", "x", "\x00", "Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n"}, checkFraming},
	"credentials": {[2]string{"Authorization: Bearer ", "k"}, []string{"Authorization: ", "Api-Key: ", "Openai-Project: ", "Bearer ", "bearer ", "BEARER", "Basic ", " ", "\t", "\n", "sk-a", "sk-b", "k", ",", "Authorization: Bearer sk-a", "Api-Key: sk-a", "\u00a0", "\x00", "é"}, checkCredentials},
	"list":        {[2]string{"limit=1", ""}, []string{"limit=", "after=", "order=", "purpose=", "&", "&", ";", "=", "%", "%00", "%6c", "+", "-", "0", "1", "10", "10001", "99999999999999999999", "asc", "desc", "file-x", "limit", "x", "é", "limit=5", "after=x"}, checkList},
	"disposition": {[2]string{}, []string{"a", "b.txt", `"`, `\`, "/", ".", "..", ";", "=", "*", "'", "%", "%22", " ", "utf-8''", "filename=", "é", "你", "😀", "\ufffd", "\x7f", "=?utf-8?B?eA==?=", ","}, checkDisposition},
	"id":          {[2]string{}, []string{"file-", "x", "..", ".", "/", "//", "%2f", "%2e", "%2E%2e", "%00", "%ff", "%", "\\", "%5c", "?", "#", ";", "é", " ", "+", "/content", "*", "%25", "{id}", ":"}, checkID},
}

func FuzzJSON(f *testing.F)        { fuzz(f, "JSON") }
func FuzzRange(f *testing.F)       { fuzz(f, "range") }
func FuzzDigest(f *testing.F)      { fuzz(f, "digest") }
func FuzzFraming(f *testing.F)     { fuzz(f, "framing") }
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

// checkFraming: two lengths are noticed wherever the standard library sees them, in
// whatever pieces the head comes.
func checkFraming(t testing.TB, head string) bool {
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		return false // net/http refuses it
	}
	want := len(h["Content-Length"]) > 0 && len(h["Transfer-Encoding"]) > 0
	for _, size := range []int{1, 3, len(head)} {
		f := framing{}
		f.watch([]byte("GET / HTTP/1.1\r\n"))
		for rest := head; rest != ""; {
			n := min(size, len(rest))
			f.watch([]byte(rest[:n]))
			rest = rest[n:]
		}
		if f.twofold() != want {
			t.Fatalf("%q, %d bytes at a time: %v, want %v", head, size, f.twofold(), want)
		}
	}
	return want
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
