package jsonl

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// plain are the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// allPlain says whether eight bytes all are. It looks at them at once: the high bit of a
// byte is set in one of the terms if the byte is not plain, and perhaps if one below it
// is not.
func allPlain(v uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	return (v|(v-each*0x20)|((v^each*'"')-each)|((v^each*'\\')-each))&high == 0
}

// text passes over a string and returns what stands between its quotes.
func (s *scanner) text() (raw []byte, err error) {
	s.space()
	s.i++
	from := s.i
	for s.i < len(s.b) {
		for s.i+8 <= len(s.b) && allPlain(binary.LittleEndian.Uint64(s.b[s.i:])) {
			s.i += 8
		}
		if s.i == len(s.b) {
			break
		}
		switch c := s.b[s.i]; {
		case plain[c]:
			s.i++
		case c == '"':
			s.i++
			return s.b[from : s.i-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < 0x20:
			return nil, s.wrong("a control character in a string")
		default:
			r, n := utf8.DecodeRune(s.b[s.i:])
			if r == utf8.RuneError && n == 1 {
				return nil, s.wrong("invalid UTF-8")
			}
			s.i += n
		}
	}
	return nil, s.wrong("an unexpected end")
}

func (s *scanner) escape() error {
	if s.i++; s.i == len(s.b) {
		return s.wrong("an unexpected end")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		for range 4 {
			if s.i++; s.i == len(s.b) {
				return s.wrong("an unexpected end")
			}
			switch c := s.b[s.i] | 0x20; {
			case '0' <= s.b[s.i] && s.b[s.i] <= '9', 'a' <= c && c <= 'f':
			default:
				return s.wrong("an invalid escape")
			}
		}
		s.i++
		return nil
	}
	return s.wrong("an invalid escape")
}

// is says whether what stands between the quotes of a string means word.
func is(raw []byte, word string) bool {
	const longest = len(`\u0000`) // of an escape
	return string(raw) == word || len(raw) <= longest*len(word) && escaped(raw) && unquoted(raw) == word
}

func escaped(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }

// unquoted is what stands between the quotes of a string, without escapes.
func unquoted(raw []byte) string {
	if !escaped(raw) {
		return string(raw)
	}
	var s string
	// It has passed as a string, so this does not fail.
	_ = json.Unmarshal([]byte(`"`+string(raw)+`"`), &s)
	return s
}
