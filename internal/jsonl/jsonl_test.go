package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

const request = `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}`

// requests are n of them with an id each.
func requests(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(request, `"a"`, fmt.Sprintf(`"request-%d"`, i), 1) + "\n")
	}
	return b.String()
}

func TestBatch(t *testing.T) {
	without := func(name string) string {
		var members map[string]any
		json.Unmarshal([]byte(request), &members)
		delete(members, name)
		line, _ := json.Marshal(members)
		return string(line)
	}
	try(t, Batch, []trial{
		{"one", request, ""},
		{"many", requests(3), ""},
		{"no line feed at the end", strings.TrimSuffix(requests(3), "\n"), ""},
		{"carriage returns", strings.ReplaceAll(requests(3), "\n", "\r\n"), ""},
		{"blank lines", "\n \t\r\n" + request + "\n\n", ""},
		{"a byte order mark", "\xef\xbb\xbf" + request, ""},
		{"white space", " { \"custom_id\" : \"a\" , \"method\":\"POST\",\"url\":\"/a\",\"body\":{ } } ", ""},
		{"more members", `{"custom_id":"a","method":"POST","url":"/score","body":{},"priority":[1,-2.5e+3,true,null]}`, ""},
		{"escaped names and values", `{"custom\u005fid":"a","method":"\u0050OST","url":"\/v1\/x","body":{}}`, ""},
		{"an emoji", strings.Replace(request, `"m"`, `"🙂 \ud83d\ude42 \ud83d"`, 1), ""},
		{"as many as there may be", requests(MaxRequests), ""},

		{"empty", "", "it has no lines"},
		{"only blank lines", "\n\r\n  \n", "it has no lines"},
		{"only a byte order mark", "\xef\xbb\xbf", "it has no lines"},
		{"no custom_id", requests(16) + without("custom_id"), "line 17: 'custom_id' is missing"},
		{"no method", without("method"), "line 1: 'method' is missing"},
		{"no url", without("url"), "line 1: 'url' is missing"},
		{"no body", without("body"), "line 1: 'body' is missing"},
		{"an empty object", "{}", "line 1: 'custom_id' is missing"},
		{"another case", strings.Replace(request, "custom_id", "Custom_ID", 1), "line 1: 'custom_id' is missing"},
		{"a number for an id", strings.Replace(request, `"a"`, `1`, 1), "line 1: 'custom_id' must be a string, and is a number"},
		{"null for an id", strings.Replace(request, `"a"`, `null`, 1), "line 1: 'custom_id' must be a string, and is null"},
		{"GET", strings.Replace(request, "POST", "GET", 1), "line 1: 'method' must be 'POST'"},
		{"a whole URL", strings.Replace(request, "/v1", "https://api.openai.com/v1", 1), "line 1: 'url' must be a path, such as '/v1/chat/completions'"},
		{"a body that is text", strings.Replace(request, `{"model":"m"}`, `"{}"`, 1), "line 1: 'body' must be an object, and is a string"},
		{"an id again", requests(3) + "\n" + request + "\n" + strings.Replace(request, `"a"`, `"\u0061"`, 1), "line 6: 'custom_id' is that of line 5"},
		{"a member twice", strings.Replace(request, `"body"`, `"url":"/v1/x","body"`, 1), "line 1: 'url' is given twice"},
		{"an array", "[" + request + "]", "line 1: it must be an object, and is an array"},
		{"a boolean", request + "\ntrue", "line 2: it must be an object, and is a boolean"},
		{"two on a line", request + request, fmt.Sprintf("line 1: it is not valid JSON: something behind the end of the value at byte %d", len(request)+1)},
		{"a comma behind", request + ",\n", fmt.Sprintf("line 1: it is not valid JSON: something behind the end of the value at byte %d", len(request)+1)},
		{"over several lines", "{\n\"custom_id\": \"a\"}", "line 1: it is not valid JSON: an unexpected end at byte 3"},
		{"cut off", request[:30], "line 1: it is not valid JSON: an unexpected end at byte 31"},
		{"invalid UTF-8", strings.Replace(request, `"m"`, "\"\xff\"", 1), fmt.Sprintf("line 1: it is not valid JSON: invalid UTF-8 at byte %d", strings.Index(request, `"m"`)+2)},
		{"a zero byte", "\x00" + request, "line 1: it is not valid JSON: an unexpected character at byte 1"},
		{"a byte order mark in the middle", request + "\n\xef\xbb\xbf" + request, "line 2: it is not valid JSON: an unexpected character at byte 1"},
		{"UTF-16", "{\x00\"\x00", "line 1: it is not valid JSON: the name of a member is expected at byte 2"},
		{"nested too deep", strings.Replace(request, `"m"`, strings.Repeat("[", 1<<20), 1), fmt.Sprintf("line 1: it is not valid JSON: values nested too deep at byte %d", strings.Index(request, `"m"`)+deepest-1)},
		{"one too many", requests(MaxRequests) + request, "line 50001: a batch has at most 50000 requests"},
	})
}

func TestFineTune(t *testing.T) {
	const chat = `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`
	try(t, FineTune, []trial{
		{"a conversation", chat, ""},
		{"weights, tools and more", `{"tools":[],"parallel_tool_calls":false,"messages":[{"role":"assistant","content":null,"tool_calls":[{}]},{"role":"tool","tool_call_id":"x","content":"y","weight":0}]}`, ""},
		{"no content", `{"messages":[{"role":"assistant","tool_calls":[{}]}]}`, ""},
		{"pictures", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}`, ""},
		{"a reference for a grader", `{"messages":[{"role":"user","content":"a"}],"reference_answer":{"n":1}}`, ""},
		{"a preference", `{"input":{"messages":[{"role":"user","content":"a"}],"tools":[]},"preferred_output":[{"role":"assistant","content":"b"}],"non_preferred_output":[{"role":"assistant","content":"c"}]}`, ""},
		{"a completion", `{"prompt":"a","completion":"b"}`, ""},
		{"a completion of nothing", `{"prompt":"","completion":"b"}`, ""},
		{"forms may change", chat + "\n" + `{"prompt":"a","completion":"b"}`, ""},

		{"empty", "", "it has no lines"},
		{"nothing known", `{"text":"a"}`, "line 1: 'messages' is missing"},
		{"no role", chat + "\n" + strings.Replace(chat, `"role":"assistant",`, "", 1), "line 2: 'messages', message 2: 'role' is missing"},
		{"a role that is a number", strings.Replace(chat, `"user"`, "1", 1), "line 1: 'messages', message 1: 'role' must be a string, and is a number"},
		{"content that is a number", strings.Replace(chat, `"a"`, "1", 1), "line 1: 'messages', message 1: 'content' must be a string or an array or null, and is a number"},
		{"a message that is text", `{"messages":["a"]}`, "line 1: 'messages', message 1: must be an object, and is a string"},
		{"no messages", `{"messages":[]}`, "line 1: 'messages' is empty"},
		{"messages that are an object", `{"messages":{}}`, "line 1: 'messages' must be an array, and is an object"},
		{"half a preference", `{"input":{"messages":[{"role":"user","content":"a"}]},"preferred_output":[{"role":"assistant","content":"b"}]}`, "line 1: 'non_preferred_output' is missing"},
		{"a preference without messages", `{"input":{"tools":[]},"preferred_output":[],"non_preferred_output":[]}`, "line 1: 'input', 'messages' is missing"},
		{"a preference for nothing", `{"input":{"messages":[{"role":"user"}]},"preferred_output":[],"non_preferred_output":[]}`, "line 1: 'preferred_output' is empty"},
		{"no completion", `{"prompt":"a"}`, "line 1: 'completion' is missing"},
		{"no prompt", `{"completion":"a"}`, "line 1: 'prompt' is missing"},
		{"a prompt of tokens", `{"prompt":[1],"completion":"a"}`, "line 1: 'prompt' must be a string, and is an array"},
	})
}

type trial struct{ name, file, fault string }

// try gives each file as a whole, and in pieces of every kind that readers give.
func try(t *testing.T, shape func(io.Reader) (string, error), trials []trial) {
	t.Helper()
	for _, tt := range trials {
		readers := map[string]io.Reader{"": strings.NewReader(tt.file)}
		if len(tt.file) < 1<<16 {
			readers["byte by byte"] = iotest.OneByteReader(strings.NewReader(tt.file))
			readers["with its end"] = iotest.DataErrReader(strings.NewReader(tt.file))
		}
		for how, r := range readers {
			if fault, err := shape(r); fault != tt.fault || err != nil {
				t.Errorf("%s %s: '%s', %v, want '%s'", tt.name, how, fault, err, tt.fault)
			}
		}
	}
}

// Strings are looked at eight bytes at a time; each byte counts, wherever it stands.
func TestStrings(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			b := []byte(`"` + strings.Repeat("x", 17) + `"`)
			b[1+at] = byte(c)
			s := &scanner{b: b}
			_, err := s.text()
			if err == nil {
				err = s.end()
			}
			if want := json.Valid(b) && utf8.Valid(b); (err == nil) != want {
				t.Errorf("%q: %v, and encoding/json says %v", b, err, want)
			}
		}
	}
}

// What cannot be read is no fault of the file's.
func TestReadingFails(t *testing.T) {
	damaged := errors.New("damaged")
	for _, begun := range []string{"", request[:20], request + "\n", request + "\n" + request[:20]} {
		fault, err := Batch(io.MultiReader(strings.NewReader(begun), iotest.ErrReader(damaged)))
		if fault != "" || !errors.Is(err, damaged) {
			t.Errorf("after %d bytes: '%s', %v", len(begun), fault, err)
		}
	}
}

// endless is a line without an end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += int64(len(p))
	return len(p), nil
}

// A line may be long, and no longer; no more of it is read.
func TestLongLines(t *testing.T) {
	padded := func(n int) string {
		return strings.Replace(request, `"m"`, `"`+strings.Repeat("m", n-len(request)+1)+`"`, 1)
	}
	if line := padded(MaxLine); len(line) != MaxLine {
		t.Fatalf("the line has %d bytes", len(line))
	}
	try(t, Batch, []trial{
		{"the longest", padded(MaxLine), ""},
		{"around the buffer", padded(bufferSize-1) + "\n" + strings.Replace(padded(bufferSize), `"a"`, `"b"`, 1) + "\n" + strings.Replace(padded(bufferSize+1), `"a"`, `"c"`, 1), ""},
		{"longer", requests(1) + padded(MaxLine+1), "line 2: it is longer than 16 MiB"},
	})
	e := &endless{}
	if fault, err := Batch(io.MultiReader(strings.NewReader(`{"custom_id":"`), e)); fault != "line 1: it is longer than 16 MiB" || err != nil {
		t.Errorf("'%s', %v", fault, err)
	}
	if e.read > MaxLine+bufferSize {
		t.Errorf("%d bytes are read of a line that has no end", e.read)
	}
}

// repeated is a line again and again, as often as it fits into so many bytes.
type repeated struct {
	line []byte
	left int
	off  int
	look func() // called from time to time; nil for nobody
}

func (r *repeated) Read(p []byte) (n int, err error) {
	if r.look != nil {
		r.look()
	}
	for n < len(p) {
		if r.off == 0 {
			if r.left -= len(r.line); r.left < 0 {
				return n, io.EOF
			}
		}
		m := copy(p[n:], r.line[r.off:])
		n, r.off = n+m, (r.off+m)%len(r.line)
	}
	return n, nil
}

// What is held in memory does not grow with the file.
func TestMemory(t *testing.T) {
	line := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("a few words, ", 80) + `"}]}` + "\n")
	var first, most uint64
	looks := 0
	look := func() {
		if looks++; looks%16 != 1 {
			return
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if first == 0 {
			first = m.HeapAlloc
		}
		most = max(most, m.HeapAlloc)
	}
	if fault, err := FineTune(&repeated{line: line, left: 16 << 20, look: look}); fault != "" || err != nil {
		t.Fatal(fault, err)
	}
	if looks < 50 || most > first+256<<10 {
		t.Errorf("%d bytes are held at most, and %d at first, in %d looks at 16 MiB", most, first, looks)
	}
}

// The scanner takes what encoding/json takes, but for strings that are not UTF-8.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{request, `[]`, `{}`, `""`, `-0.5e+10`, `01`, `1.`, `.5`, `tru`, `nulll`, `"\u12G4"`, `"\x"`, "\"\xff\"", "\"\x01\"", `{"a":1,}`, `[1,]`,
		`{"a"}`, ` [ 1 , { "a" : [ ] } ] `, `"\ud800"`, `{"a":{"a":{"a":[[[]]]}}}`, "\xef\xbb\xbf{}", "[1]\x00", "-", "1e", `"`, `"\`, "{1:2}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &scanner{b: b}
		err := s.skip()
		if err == nil {
			err = s.end()
		}
		if want := json.Valid(b) && utf8.Valid(b); (err == nil) != want {
			t.Errorf("%q: %v, and encoding/json says %v", b, err, want)
		}
		if err != nil {
			return
		}
		s = &scanner{b: b}
		if k, _ := s.kind(); k == text {
			raw, err := s.text()
			var want string
			if json.Unmarshal(bytes.TrimSpace(b), &want) != nil || err != nil || unquoted(raw) != want {
				t.Errorf("%q is %q, %v, want %q", b, unquoted(raw), err, want)
			}
		}
	})
}

// BenchmarkFineTune is one of the examples that are common, beside decoding the same.
func BenchmarkFineTune(b *testing.B) {
	line := []byte(`{"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"` +
		strings.Repeat("What is said here is \\\"quoted\\\" at times, ", 40) + `"},{"role":"assistant","content":"Yes."}]}` + "\n")
	const size = 64 << 20
	b.Run("uploadd", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if fault, err := FineTune(&repeated{line: line, left: size}); fault != "" || err != nil {
				b.Fatal(fault, err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			for d := json.NewDecoder(&repeated{line: line, left: size}); ; {
				var v struct {
					Messages []struct {
						Role    string
						Content json.RawMessage
					}
				}
				if err := d.Decode(&v); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
