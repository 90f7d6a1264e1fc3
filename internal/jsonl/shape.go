package jsonl

import (
	"errors"
	"fmt"
	"strings"
)

// walk passes over a value, and fails where that is not what it must be.
type walk func(*scanner) error

// shapeError is a value that is not what it must be.
type shapeError string

func (e shapeError) Error() string { return string(e) }

// within says where the value is of which err complains. Errors of the grammar say it
// themselves.
func within(err error, format string, args ...any) error {
	var e shapeError
	if !errors.As(err, &e) {
		return err
	}
	where := fmt.Sprintf(format, args...)
	if strings.HasPrefix(string(e), " '") && strings.HasSuffix(where, "'") {
		where += "," // between two names
	}
	return shapeError(where + string(e))
}

// must fails unless the next value is of one of the kinds.
func (s *scanner) must(kinds ...kind) error {
	k, err := s.kind()
	if err != nil {
		return err
	}
	expected := ""
	for i, wanted := range kinds {
		if k == wanted {
			return nil
		}
		if i > 0 {
			expected += " or "
		}
		expected += wanted.String()
	}
	return shapeError(fmt.Sprintf(" must be %s, and is %s", expected, k))
}

// a is a value of one of the kinds.
func a(kinds ...kind) walk {
	return func(s *scanner) error {
		if err := s.must(kinds...); err != nil {
			return err
		}
		return s.skip()
	}
}

// textThat is a string about which look has nothing to say.
func textThat(look func(raw []byte) (fault string)) walk {
	return func(s *scanner) error {
		if err := s.must(text); err != nil {
			return err
		}
		raw, err := s.text()
		if err != nil {
			return err
		}
		if fault := look(raw); fault != "" {
			return shapeError(fault)
		}
		return nil
	}
}

// someOf is an array that is not empty, of values that are called one.
func someOf(one string, element walk) walk {
	return func(s *scanner) error {
		if err := s.must(array); err != nil {
			return err
		}
		n := 0
		err := s.array(func() error {
			n++
			return within(element(s), ", %s %d:", one, n)
		})
		if err == nil && n == 0 {
			err = shapeError(" is empty")
		}
		return err
	}
}

// field is a member that an object may have.
type field struct {
	name  string
	value walk
}

// anObject has fields, of which the first needed must not be missing.
func anObject(needed int, fields ...field) walk {
	return func(s *scanner) error {
		found, err := s.fields(fields)
		if err != nil {
			return err
		}
		return missing(found, fields[:needed])
	}
}

// fields passes over an object and says which of the fields it has: bit i is that of
// fields[i].
func (s *scanner) fields(fields []field) (found uint, err error) {
	if err := s.must(object); err != nil {
		return 0, err
	}
	err = s.object(func(name []byte) error {
		for i := range fields {
			if !is(name, fields[i].name) {
				continue
			}
			if found&(1<<i) != 0 {
				return shapeError(fmt.Sprintf(" '%s' is given twice", fields[i].name))
			}
			found |= 1 << i
			return within(fields[i].value(s), " '%s'", fields[i].name)
		}
		return s.skip()
	})
	return found, err
}

// missing fails unless all of the fields were found.
func missing(found uint, fields []field) error {
	for i := range fields {
		if found&(1<<i) == 0 {
			return shapeError(fmt.Sprintf(" '%s' is missing", fields[i].name))
		}
	}
	return nil
}
