package jsonl

import "io"

// message is one of a conversation. An assistant that calls tools says nothing.
var message = anObject(1,
	field{"role", a(text)},
	field{"content", a(text, array, null)})

var messages = someOf("message", message)

// example has the members by which the forms of an example are told apart.
var example = []field{
	{"messages", messages},
	{"input", anObject(1, field{"messages", messages})},
	{"preferred_output", messages},
	{"non_preferred_output", messages},
	{"prompt", a(text)},
	{"completion", a(text)},
}

// The forms of an example, as bits and places in the list.
const (
	preference, preferenceFrom, preferenceTo = 1<<1 | 1<<2 | 1<<3, 1, 4
	completion, completionFrom, completionTo = 1<<4 | 1<<5, 4, 6
)

// FineTune says what is wrong with a file of examples to train a model with, "" if
// nothing is: each line is an object that has a conversation (messages), or one and two
// ends of it (input, preferred_output, non_preferred_output), or a prompt and its
// completion. Whatever else it has is the trainer's affair. err is an error of r.
func FineTune(r io.Reader) (fault string, err error) {
	return each(r, func(_ int64, s *scanner) error {
		found, err := s.fields(example)
		switch {
		case err != nil:
			return err
		case found&1 != 0:
			return nil
		case found&preference != 0:
			return missing(found>>preferenceFrom, example[preferenceFrom:preferenceTo])
		case found&completion != 0:
			return missing(found>>completionFrom, example[completionFrom:completionTo])
		}
		return missing(found, example[:1])
	})
}
