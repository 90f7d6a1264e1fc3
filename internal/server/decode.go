package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"uploadd/api"
)

// object is a JSON object, strictly read: each key once, in its exact spelling,
// with a value of the exact type. (encoding/json by itself takes the last of
// repeated keys, and keys of any case.) It keeps its first error for close.
type object struct {
	path   string // of the object in the body: "" or "expires_after."
	fields map[string]json.RawMessage
	err    *error
}

type presence bool

const (
	required presence = true
	optional presence = false
)

// decode reads the body of a JSON request, of at most limit bytes. OpenAI's own
// curl examples send JSON as a form, so that type is taken too.
func decode(r *http.Request, limit int64) (*object, error) {
	if err := checkEncoding(r); err != nil {
		return nil, err
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		media, _, err := mime.ParseMediaType(ct)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") && media != "application/x-www-form-urlencoded" {
			return nil, api.Errorf(api.ErrUnsupportedMedia, "", "Unsupported Content-Type '%.100s'. Send 'application/json'.", ct)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, smallJSON+1))
	if err != nil {
		return nil, err
	}
	if len(body) > smallJSON && limit > smallJSON {
		done, err := largeBody(r)
		if err != nil {
			return nil, err
		}
		defer done()
		rest, err := io.ReadAll(io.LimitReader(r.Body, limit+1-int64(len(body))))
		if err != nil {
			return nil, err
		}
		body = append(body, rest...)
	}
	if int64(len(body)) > limit {
		return nil, api.Errorf(api.ErrTooLarge, "", "The body is larger than the maximum of %d bytes.", limit)
	}
	if !utf8.Valid(body) {
		return nil, api.Errorf(api.ErrInvalid, "", "The body is not valid JSON: it is not UTF-8.")
	}
	o := &object{err: new(error)}
	if err := o.parse(body); err != nil {
		return nil, err
	}
	return o, nil
}

const (
	// smallJSON is how much of a body is read without asking, in bytes.
	smallJSON = 64 << 10
	// Larger ones are held in memory whole, some MiB each. So there are few at a
	// time, for not too long, and more wait a little.
	largeJSONs    = 8
	largeJSONTime = 20 * time.Second
	largeJSONWait = 2 * time.Second
)

var largeJSON = make(chan struct{}, largeJSONs)

// largeBody waits until a large body may be read, and has it come soon. The caller
// calls done once it is no longer needed.
func largeBody(r *http.Request) (done func(), err error) {
	select {
	case largeJSON <- struct{}{}:
	case <-time.After(largeJSONWait):
		return nil, api.Errorf(api.ErrUnavailable, "", "Too many requests with a large body are under way.").WithRetryAfter(1)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if b, ok := r.Body.(*body); ok {
		b.end = time.Now().Add(largeJSONTime)
	}
	return func() { <-largeJSON }, nil
}

// checkEncoding refuses compressed bodies: what is stored is what is sent.
func checkEncoding(r *http.Request) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return api.Errorf(api.ErrUnsupportedMedia, "", "Unsupported Content-Encoding '%.100s'. Send the body as it is.", e)
	}
	return nil
}

func (o *object) parse(data []byte) error {
	malformed := func(err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return api.Errorf(api.ErrInvalid, "", "The body is not valid JSON: it is empty or ends early.")
		}
		return api.Errorf(api.ErrInvalid, "", "The body is not valid JSON: %s.", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	start, err := dec.Token()
	if err != nil {
		return malformed(err)
	}
	if start != json.Delim('{') {
		return api.Errorf(api.ErrInvalid, strings.TrimSuffix(o.path, "."), "Expected a JSON object%s.", o.where())
	}
	o.fields = map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		name := key.(string) // More and Token see to it
		if _, twice := o.fields[name]; twice {
			return api.Errorf(api.ErrInvalid, o.param(name), "The key '%.100s' is given more than once.", o.param(name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return malformed(err)
		}
		o.fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return malformed(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return api.Errorf(api.ErrInvalid, "", "The body is not valid JSON: something follows its end.")
	}
	return nil
}

func (o *object) where() string {
	if o.path == "" {
		return " as the body"
	}
	return " for '" + strings.TrimSuffix(o.path, ".") + "'"
}

func (o *object) param(name string) string { return o.path + name }

// close returns the first error, or that of a key that nobody took.
func (o *object) close() error {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if *o.err == nil {
			*o.err = api.Errorf(api.ErrInvalid, o.param(name), "Unknown parameter: '%.100s'.", o.param(name)).
				WithCode(api.CodeUnknownParam)
		}
	}
	return *o.err
}

// take returns the value of a key, nil if it is absent or an optional null.
func (o *object) take(name string, p presence) json.RawMessage {
	value, ok := o.fields[name]
	delete(o.fields, name)
	if isNull := bytes.Equal(value, []byte("null")); isNull && p == optional {
		return nil
	} else if isNull {
		o.wrong(name, "null")
		return nil
	}
	if !ok && p == required && *o.err == nil {
		*o.err = api.Errorf(api.ErrInvalid, o.param(name), "'%s' is a required property", o.param(name))
	}
	return value
}

func (o *object) wrong(name, want string) {
	if want == "null" {
		want = "a value, not null"
	}
	if *o.err == nil {
		*o.err = api.Errorf(api.ErrInvalid, o.param(name), "Invalid type for '%s': expected %s.", o.param(name), want)
	}
}

func (o *object) string(name string, p presence) (s string) {
	if value := o.take(name, p); value != nil {
		var ok bool
		if s, ok = text(value); !ok {
			o.wrong(name, "a string")
		}
	}
	return s
}

func (o *object) integer(name string, p presence) (n int64) {
	if value := o.take(name, p); value != nil && json.Unmarshal(value, &n) != nil {
		o.wrong(name, "a whole number")
	}
	return n
}

func (o *object) strings(name string, p presence) (list []string) {
	value := o.take(name, p)
	if value == nil {
		return nil
	}
	var raw []json.RawMessage
	if json.Unmarshal(value, &raw) != nil {
		o.wrong(name, "an array of strings")
		return nil
	}
	list = make([]string, len(raw))
	for i := range raw {
		var ok bool
		if list[i], ok = text(raw[i]); !ok {
			o.wrong(name, "an array of strings")
			return nil
		}
	}
	return list
}

func (o *object) object(name string, p presence) *object {
	value := o.take(name, p)
	if value == nil {
		return nil
	}
	in := &object{path: o.param(name) + ".", err: o.err}
	if err := in.parse(value); err != nil && *o.err == nil {
		*o.err = err
	}
	return in
}

// text decodes a JSON string. Half of a surrogate pair, of which encoding/json
// would make U+FFFD, is refused.
func text(value json.RawMessage) (s string, ok bool) {
	if value[0] != '"' || json.Unmarshal(value, &s) != nil || halfPair(value) {
		return "", false
	}
	return s, true
}

// halfPair says whether a valid JSON string has an escaped surrogate without the
// other one that makes a character of both.
func halfPair(value []byte) bool {
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			continue
		}
		r := escaped(value[i:])
		if !utf16.IsSurrogate(r) {
			i++ // past the escaped character, which may be another backslash
			continue
		}
		if utf16.DecodeRune(r, escaped(value[i+6:])) == unicode.ReplacementChar {
			return true
		}
		i += 11
	}
	return false
}

// escaped is the code of \uXXXX where value begins with one; otherwise 0.
func escaped(value []byte) rune {
	if len(value) < 6 || value[0] != '\\' || value[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(value[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
