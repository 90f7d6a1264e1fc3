package api

import (
	"fmt"
	"net/http"
)

// Error is an error the caller may see. On the wire it is
// {"error":{"message","type","param","code"}} with the HTTP status beside it;
// the client makes the same value of it again, so errors.Is works on both
// sides. Any other error is an internal one: the caller learns only that it
// happened.
type Error struct {
	Status  int    `json:"-"` // HTTP status
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"` // "" is null on the wire
	Code    string `json:"code"`  // "" is null on the wire

	// RetryAfter is in seconds; 0 sends no Retry-After. The SDKs cap it at 8.
	RetryAfter int `json:"-"`
	// ShouldRetry is the x-should-retry of the answer, "true" or "false", where
	// the client saw one. It outweighs the status.
	ShouldRetry string `json:"-"`
	// RequestID is the x-request-id of the answer, where the client saw one.
	RequestID string `json:"-"`

	reason string // the format of Message
	cause  error
}

// The vocabulary. errors.Is(err, ErrX) holds for every error of that status
// and, where ErrX has one, that code.
var (
	ErrInvalid          = &Error{Status: http.StatusBadRequest}
	ErrState            = &Error{Status: http.StatusBadRequest, Code: CodeState}
	ErrUnauthorized     = &Error{Status: http.StatusUnauthorized}
	ErrForbidden        = &Error{Status: http.StatusForbidden}
	ErrQuota            = &Error{Status: http.StatusForbidden, Code: CodeQuota, Type: TypeQuota}
	ErrNotFound         = &Error{Status: http.StatusNotFound}
	ErrMethodNotAllowed = &Error{Status: http.StatusMethodNotAllowed}
	ErrTimeout          = &Error{Status: http.StatusRequestTimeout}
	ErrTooLarge         = &Error{Status: http.StatusRequestEntityTooLarge}
	ErrTooManyRequests  = &Error{Status: http.StatusTooManyRequests, Code: CodeRateLimit, Type: TypeRequests}
	ErrUnsupportedMedia = &Error{Status: http.StatusUnsupportedMediaType}
	ErrRange            = &Error{Status: http.StatusRequestedRangeNotSatisfiable}
	ErrInternal         = &Error{Status: http.StatusInternalServerError}
	ErrUnavailable      = &Error{Status: http.StatusServiceUnavailable}
	ErrStorageFull      = &Error{Status: http.StatusInsufficientStorage}
)

// Values of type.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeServer         = "server_error"
	TypeRequests       = "requests"
	TypeQuota          = "insufficient_quota"
)

// Values of code. Where OpenAI's answer is known to have none, ours has none.
const (
	CodeState         = "invalid_upload_state"
	CodeInvalidKey    = "invalid_api_key"
	CodeProject       = "mismatched_project"
	CodeMissingScope  = "missing_scope"
	CodeRateLimit     = "rate_limit_exceeded"
	CodeQuota         = "insufficient_quota"
	CodeUnknownURL    = "unknown_url"
	CodeUnknownParam  = "unknown_parameter"
	CodeInvalidPart   = "invalid_part_id"
	CodeDuplicatePart = "duplicate_part_id"
	CodeSizeMismatch  = "bytes_mismatch"
	CodeMD5Mismatch   = "md5_mismatch"
	CodeDigest        = "digest_mismatch"
	CodeInvalidFile   = "invalid_file_format"
	CodePartTooLarge  = "part_too_large"
	CodeFileTooLarge  = "file_too_large"
	CodeStorageFull   = "storage_full"
)

// Errorf makes an error of kind, whose status, type and code it takes. param names
// the field at fault, "" for none.
func Errorf(kind *Error, param, format string, args ...any) *Error {
	e := &Error{
		Status:     kind.Status,
		Message:    fmt.Sprintf(format, args...),
		Type:       TypeInvalidRequest,
		Param:      param,
		Code:       kind.Code,
		RetryAfter: kind.RetryAfter,
		reason:     format,
	}
	switch {
	case kind.Type != "":
		e.Type = kind.Type
	case kind.Status >= 500:
		e.Type = TypeServer
	}
	return e
}

// WithCode sets the code and returns e.
func (e *Error) WithCode(code string) *Error {
	e.Code = code
	return e
}

// WithRetryAfter sets the seconds after which to try again and returns e.
func (e *Error) WithRetryAfter(seconds int) *Error {
	e.RetryAfter = seconds
	return e
}

// Because sets what caused e, for errors.Is and the log: it is no part of the
// message, which the caller sees. It returns e.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

func (e *Error) Error() string {
	if e.Message == "" {
		return http.StatusText(e.Status)
	}
	return e.Message
}

// Reason is Message without what it quotes of the request: for a log, which must
// not hold what clients send. It is "" for an error that came over the wire.
func (e *Error) Reason() string { return e.reason }

// Is says whether e is of the kind of target.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Status == e.Status && (t.Code == "" || t.Code == e.Code)
}

// Unwrap returns the cause: for the log, never for the wire.
func (e *Error) Unwrap() error { return e.cause }

// MarshalJSON writes all four keys, null for an empty param or code.
func (e *Error) MarshalJSON() ([]byte, error) {
	type wire struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return marshal(wire{e.Message, e.Type, nilIfEmpty(e.Param), nilIfEmpty(e.Code)})
}

func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
