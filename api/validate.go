package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Validate checks what does not depend on a server's settings.
func (r *CreateUploadRequest) Validate() error {
	if err := ValidateFilename("filename", r.Filename); err != nil {
		return err
	}
	if err := ValidatePurpose(r.Purpose); err != nil {
		return err
	}
	if r.Bytes < 0 {
		return Errorf(ErrInvalid, "bytes", "Invalid value for 'bytes': %d is less than the minimum of 0.", r.Bytes)
	}
	if err := validateMimeType(r.MimeType); err != nil {
		return err
	}
	return r.ExpiresAfter.Validate()
}

// Validate checks the fields of the form.
func (r *CreateFileRequest) Validate() error {
	if err := ValidateFilename("file", r.Filename); err != nil {
		return err
	}
	if err := ValidatePurpose(r.Purpose); err != nil {
		return err
	}
	return r.ExpiresAfter.Validate()
}

// Validate checks anchor and seconds; a nil ExpiresAfter is valid.
func (e *ExpiresAfter) Validate() error {
	if e == nil {
		return nil
	}
	if e.Anchor != "created_at" {
		return Errorf(ErrInvalid, "expires_after.anchor",
			"Invalid value for 'expires_after.anchor': %s. The only anchor is 'created_at'.", quote(e.Anchor))
	}
	if e.Seconds < MinFileLife || e.Seconds > MaxFileLife {
		return Errorf(ErrInvalid, "expires_after.seconds",
			"Invalid value for 'expires_after.seconds': %d. It must be from %d (an hour) to %d (30 days).",
			e.Seconds, MinFileLife, MaxFileLife)
	}
	return nil
}

// ValidatePurpose refuses a purpose that cannot be created, in OpenAI's words.
func ValidatePurpose(purpose string) error {
	if slices.Contains(Purposes, purpose) {
		return nil
	}
	return Errorf(ErrInvalid, "purpose", "%s is not one of ['%s'] - 'purpose'",
		quote(purpose), strings.Join(Purposes, "', '"))
}

// ValidateFilename refuses a name that could not be shown or sent in a header
// as it is. A name is data: it never becomes a path.
func ValidateFilename(param, name string) error {
	invalid := func(why string) error {
		return Errorf(ErrInvalid, param, "Invalid file name %s: %s.", quote(name), why)
	}
	switch {
	case name == "":
		return Errorf(ErrInvalid, param, "Invalid file name: it is empty.")
	case !utf8.ValidString(name):
		return invalid("it is not valid UTF-8")
	case utf8.RuneCountInString(name) > MaxFilename:
		return invalid(fmt.Sprintf("it has %d characters, and %d is the maximum", utf8.RuneCountInString(name), MaxFilename))
	case strings.ContainsFunc(name, unshowable):
		return invalid("it contains a control character")
	}
	return nil
}

// unshowable reports control characters and those that reorder the text around
// them, which make a name look like another.
func unshowable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// validateMimeType is loose: OpenAI's own examples send "txt" and "pdf".
func validateMimeType(s string) error {
	const maxMimeType = 255
	if _, _, err := mime.ParseMediaType(s); err != nil || len(s) > maxMimeType || strings.ContainsFunc(s, unshowable) {
		return Errorf(ErrInvalid, "mime_type",
			"Invalid value for 'mime_type': %s. Expected a media type such as 'text/jsonl', of at most %d bytes.",
			quote(s), maxMimeType)
	}
	return nil
}

// Normalize fills in the defaults of q and checks its ranges.
func (q *ListQuery) Normalize() error {
	switch q.Order {
	case "":
		q.Order = "desc"
	case "asc", "desc":
	default:
		return Errorf(ErrInvalid, "order", "%s is not one of ['asc', 'desc'] - 'order'", quote(q.Order))
	}
	if q.Limit == 0 {
		q.Limit = MaxListLimit
	}
	if q.Limit < 1 || q.Limit > MaxListLimit {
		return Errorf(ErrInvalid, "limit",
			"Invalid value for 'limit': %d. It must be from 1 to %d.", q.Limit, MaxListLimit)
	}
	return nil
}

// quote shows a client's value in a message: bounded, on one line.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	return "'" + strings.Map(func(r rune) rune {
		if unshowable(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")) + "'"
}

// marshal writes JSON as OpenAI does, with <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
