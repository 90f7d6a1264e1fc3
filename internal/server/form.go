package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"uploadd/api"
	"uploadd/internal/formdata"
)

// form reads the bytes of one field of a multipart form, and the small fields
// around it as they come. Nothing is read before the first Read, so a request
// that is refused by then costs nothing. Read returns io.EOF only once the rest
// of the form has been read to its closing boundary and the body to its end,
// and the client's digests have been found right: whoever reads to io.EOF has
// all that was meant.
type form struct {
	reader  *formdata.Reader
	length  int64  // of the body, -1 if it was not announced
	field   string // the name of the field that holds the bytes
	digests *digests

	current *formdata.Field // nil before the field was found, and after its end
	found   bool
	done    bool
	name    string            // the file name, if there was one
	values  map[string]string // the small fields
	small   int               // bytes of those, and of their names
	spare   int64             // how many more bytes the field might have had, if length is known
}

const (
	// maxSmallFields bounds the fields around the bytes, in bytes.
	maxSmallFields = 16 << 10
	// maxBehind bounds what follows the bytes in a body of announced length, headers
	// and all, in bytes: a store may have been told of as many too many.
	maxBehind = 64 << 10
	// nameless is the name of a File that was sent without one: the Java SDK
	// and OpenAI's own curl examples send none. The Python SDK uses the same.
	nameless = "upload"
)

func newForm(r *http.Request, field string) (*form, error) {
	if err := checkEncoding(r); err != nil {
		return nil, err
	}
	boundary, err := formdata.Boundary(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, api.Errorf(api.ErrInvalid, "", "Expected a multipart/form-data body: %s.", err)
	}
	digests, err := newDigests(r.Header)
	if err != nil {
		return nil, err
	}
	return &form{
		reader:  formdata.NewReader(digests.message(r.Body), boundary),
		length:  r.ContentLength,
		field:   field,
		digests: digests,
		values:  map[string]string{},
	}, nil
}

func (f *form) Read(p []byte) (int, error) {
	if f.done {
		return 0, io.EOF
	}
	if f.current == nil {
		if err := f.next(); err != nil {
			return 0, formError(err)
		}
	}
	n, err := f.current.Read(p)
	f.digests.data(p[:n])
	f.spare -= int64(n)
	if err == io.EOF {
		f.current = nil
		if err = f.next(); err == nil {
			err = api.Errorf(api.ErrInvalid, f.field, "The form has more than one field '%s'.", f.field)
		}
		if err == io.EOF {
			f.done = true
			if err = f.check(); err == nil {
				err = io.EOF
			}
		}
	}
	return n, formError(err)
}

// AtMost makes form an [api.Bounded]. The field may end before that: only the end of
// the body tells what is behind it.
func (f *form) AtMost() (int64, bool) {
	switch {
	case f.done:
		return 0, true
	case f.current == nil, f.length < 0:
		return 0, false
	}
	return f.current.AtMost(f.length), true
}

// check judges the form once all of it has been read.
func (f *form) check() error {
	if f.spare > maxBehind {
		return api.Errorf(api.ErrTooLarge, "", "The form has more than %d bytes behind the field '%s'.", maxBehind, f.field)
	}
	return f.digests.check()
}

// next goes on to the field that holds the bytes. It returns io.EOF at the end
// of a form that had it.
func (f *form) next() error {
	for {
		field, err := f.reader.Next()
		if err == io.EOF && !f.found {
			return requiredField(f.field)
		}
		if err != nil {
			return err
		}
		if field.Name == f.field {
			f.current, f.found, f.name = field, true, field.Filename
			f.spare, _ = f.AtMost()
			return f.digests.add(field.Header)
		}
		if err := f.keep(field); err != nil {
			return err
		}
	}
}

// requiredField is the answer to a form without its bytes. For a file OpenAI's
// own names no parameter.
func requiredField(field string) error {
	param := field
	if field == "file" {
		param = ""
	}
	return api.Errorf(api.ErrInvalid, param, "'%s' is a required property", field)
}

// keep stores the value of a small field.
func (f *form) keep(field *formdata.Field) error {
	value, err := io.ReadAll(io.LimitReader(field, int64(maxSmallFields-f.small)+1))
	if err != nil {
		return err
	}
	if f.small += len(field.Name) + len(value); f.small > maxSmallFields { // names are kept as well
		return api.Errorf(api.ErrTooLarge, "", "The fields of the form besides '%s' are larger than the maximum of %d bytes.",
			f.field, maxSmallFields)
	}
	if _, twice := f.values[field.Name]; twice {
		return api.Errorf(api.ErrInvalid, field.Name, "The form has more than one field '%.100s'.", field.Name)
	}
	f.values[field.Name] = string(value)
	if field.Name == "purpose" && f.field == "file" { // refused at once, not after the bytes
		return api.ValidatePurpose(string(value))
	}
	return nil
}

// describeFile is what the fields around the bytes say of a File.
func (f *form) describeFile() (req api.CreateFileRequest, err error) {
	req.Filename = f.name
	if req.Filename == "" {
		req.Filename = nameless
	}
	var ok bool
	if req.Purpose, ok = f.values["purpose"]; !ok {
		return req, api.Errorf(api.ErrInvalid, "purpose", "'purpose' is a required property")
	}
	if _, whole := f.values["expires_after"]; whole {
		return req, api.Errorf(api.ErrInvalid, "expires_after",
			"Send 'expires_after' as two fields, 'expires_after[anchor]' and 'expires_after[seconds]'.")
	}
	anchor, hasAnchor := f.values["expires_after[anchor]"]
	seconds, hasSeconds := f.values["expires_after[seconds]"]
	switch {
	case !hasAnchor && !hasSeconds:
		return req, nil
	case !hasAnchor:
		return req, api.Errorf(api.ErrInvalid, "expires_after.anchor", "'expires_after.anchor' is a required property")
	case !hasSeconds:
		return req, api.Errorf(api.ErrInvalid, "expires_after.seconds", "'expires_after.seconds' is a required property")
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return req, api.Errorf(api.ErrInvalid, "expires_after.seconds",
			"Invalid type for 'expires_after.seconds': expected a whole number, got '%.20s'.", seconds)
	}
	req.ExpiresAfter = &api.ExpiresAfter{Anchor: anchor, Seconds: n}
	return req, nil
}

// formError says what an error of the form's reader is to the client.
func formError(err error) error {
	var known *api.Error
	switch {
	case err == nil, err == io.EOF, errors.As(err, &known):
		return err
	case errors.Is(err, formdata.ErrTooLarge):
		return api.Errorf(api.ErrTooLarge, "", "The body cannot be taken: %s.", err)
	case errors.Is(err, formdata.ErrMalformed):
		return api.Errorf(api.ErrInvalid, "", "The body cannot be taken: %s.", err)
	}
	return err
}
