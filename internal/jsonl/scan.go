package jsonl

import "fmt"

// scanner walks over one JSON text, and holds it against the grammar (RFC 8259) as it
// goes. It keeps nothing and allocates nothing.
type scanner struct {
	b     []byte
	i     int
	depth int
}

// deepest is how deep values may be nested: as deep as encoding/json allows.
const deepest = 10_000

// kind is what a value begins with: one of {["0tfn. A number's is 0.
type kind byte

const (
	object kind = '{'
	array  kind = '['
	text   kind = '"'
	null   kind = 'n'
	number kind = '0'
)

func (k kind) String() string {
	switch k {
	case object:
		return "an object"
	case array:
		return "an array"
	case text:
		return "a string"
	case null:
		return "null"
	case number:
		return "a number"
	}
	return "a boolean"
}

// syntaxError is where a text leaves the grammar.
type syntaxError struct {
	at   int // the offset
	what string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("it is not valid JSON: %s at byte %d", e.what, e.at+1)
}

func (s *scanner) wrong(what string) error { return &syntaxError{s.i, what} }

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte behind white space, 0 at the end.
func (s *scanner) peek() byte {
	if s.space(); s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// end fails unless nothing is left.
func (s *scanner) end() error {
	if s.space(); s.i < len(s.b) {
		return s.wrong("something behind the end of the value")
	}
	return nil
}

// kind says what the next value is.
func (s *scanner) kind() (kind, error) {
	switch c := s.peek(); c {
	case '{', '[', '"', 't', 'f', 'n':
		return kind(c), nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return number, nil
	case 0:
		if s.i == len(s.b) {
			return 0, s.wrong("an unexpected end")
		}
	}
	return 0, s.wrong("an unexpected character")
}

// skip passes over a value of any kind.
func (s *scanner) skip() error {
	k, err := s.kind()
	if err != nil {
		return err
	}
	switch k {
	case object:
		return s.object(func([]byte) error { return s.skip() })
	case array:
		return s.array(s.skip)
	case text:
		_, err := s.text()
		return err
	case number:
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if word[0] == byte(k) {
			return s.word(word)
		}
	}
	return s.wrong("an unexpected character")
}

func (s *scanner) word(word string) error {
	for _, c := range []byte(word) {
		if s.i == len(s.b) {
			return s.wrong("an unexpected end")
		}
		if s.b[s.i] != c {
			return s.wrong("an unexpected character")
		}
		s.i++
	}
	return nil
}

// enter begins an object or array, and leave ends it.
func (s *scanner) enter() error {
	s.space()
	if s.depth++; s.depth > deepest {
		return s.wrong("values nested too deep")
	}
	s.i++
	return nil
}

func (s *scanner) leave() {
	s.depth--
	s.i++
}

// object passes over an object. member is called with each name, without its quotes,
// and passes over the value.
func (s *scanner) object(member func(name []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.leave()
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.expected("the name of a member")
		}
		name, err := s.text()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.expected("a colon")
		}
		s.i++
		if err := member(name); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.leave()
			return nil
		default:
			return s.expected("a comma or the end of the object")
		}
	}
}

// array passes over an array. element passes over each of its values.
func (s *scanner) array(element func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.leave()
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.leave()
			return nil
		default:
			return s.expected("a comma or the end of the array")
		}
	}
}

func (s *scanner) expected(what string) error {
	if s.i == len(s.b) {
		return s.wrong("an unexpected end")
	}
	return s.wrong(what + " is expected")
}

func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == from {
		return s.expected("a digit")
	}
	return nil
}
