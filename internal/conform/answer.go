package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode"
)

// answer is what came back.
type answer struct {
	method, path string
	status       int
	header       http.Header
	length       int64 // that was announced; -1 for none
	body         []byte
	secret       []string
}

func (a *answer) ok() bool { return a.status == http.StatusOK }

// object is a JSON object, with its numbers as they were written.
type object map[string]any

// object returns the body, nil if it is no JSON object.
func (a *answer) object() object {
	var o object
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if dec.Decode(&o) != nil {
		return nil
	}
	return o
}

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

// number returns a whole number.
func (o object) number(key string) (int64, bool) {
	n, ok := o[key].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

func (o object) inner(key string) object {
	m, _ := o[key].(map[string]any)
	return m
}

// list returns the objects of an array.
func (o object) list(key string) (all []object, isList bool) {
	raw, ok := o[key].([]any)
	for _, v := range raw {
		m, isObject := v.(map[string]any)
		if !isObject {
			return nil, false
		}
		all = append(all, m)
	}
	return all, ok
}

// show writes a value as JSON, shortly.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return short(string(b))
}

// short is text of the server's, made safe for a terminal, on one line and not too long.
func short(text string) string {
	const most = 160
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return text
}

// String is the status, and what the server says of it.
func (a *answer) String() string {
	text := fmt.Sprint(a.status)
	if a.media() == "text/html" {
		return text + ", with a page of HTML"
	}
	if e := a.object().inner("error"); e != nil && e.text("message") != "" {
		text += ": " + e.text("message")
	} else if len(a.body) > 0 {
		text += ": " + string(a.body[:min(len(a.body), 500)])
	}
	return short(a.redact(text))
}

func (a *answer) redact(text string) string {
	for _, secret := range a.secret {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

func (a *answer) media() string {
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return a.header.Get("Content-Type")
	}
	return media
}

func (a *answer) requestID() string {
	for _, name := range []string{"X-Request-Id", "Apim-Request-Id"} {
		if id := a.header.Get(name); id != "" {
			return short(a.redact(id))
		}
	}
	return ""
}
