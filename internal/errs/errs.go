// Package errs holds the one error type that crosses layers: a stable code, and a message key with
// parameters that the edge renders in the reader's language.
package errs

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Code is a stable, machine-readable error code; API.md lists them with their HTTP status.
type Code string

// The codes of every layer. Processes add codes of their own, all answered as 409.
const (
	Malformed            Code = "malformed"
	Invalid              Code = "invalid"
	Unauthenticated      Code = "unauthenticated"
	Forbidden            Code = "forbidden"
	NotFound             Code = "not_found"
	Conflict             Code = "conflict"
	ProcessClosed        Code = "process_closed"
	PreconditionFailed   Code = "precondition_failed"
	TooLarge             Code = "too_large"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	RateLimited          Code = "rate_limited"
	Unavailable          Code = "unavailable"
	Pending              Code = "pending"
	Internal             Code = "internal"
)

// Field is one failed rule of one input field. Field is its path (contact.email, rules[2].when), Code names
// the rule, Args are the rule's parameters; the edge renders the message from the catalogue key field.<Code>.
type Field struct {
	Field string            `json:"field"`
	Code  string            `json:"code"`
	Args  map[string]string `json:"args,omitempty"`
}

// Error is an expected failure. Key names its text in the message catalogues and Args fills it; both are safe
// to show to a user. Err is the inner cause, for logs only.
type Error struct {
	Code       Code
	Key        string
	Args       map[string]string
	Fields     []Field
	RetryAfter time.Duration
	Err        error
}

// Error describes the failure for logs, with its arguments in a fixed order.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Code, e.Key)
	names := make([]string, 0, len(e.Args))
	for name := range e.Args {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, " %s=%q", name, e.Args[name])
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %s:%s", f.Field, f.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the inner cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an *Error; args are name, value pairs for the message key.
func New(code Code, key string, args ...string) *Error {
	return &Error{Code: code, Key: key, Args: Args(args...)}
}

// Args builds message arguments from name, value pairs; nil without any.
func Args(pairs ...string) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// NewInvalid returns an Invalid error that carries every fault.
func NewInvalid(fields ...Field) *Error {
	return &Error{Code: Invalid, Key: "invalid", Fields: fields}
}

// Wrap returns an *Error with an inner cause that only logs see.
func Wrap(err error, code Code, key string, args ...string) *Error {
	return &Error{Code: code, Key: key, Args: Args(args...), Err: err}
}

// CodeOf returns err's code, Internal for any error that has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Retryable reports whether the same call may succeed later without any change.
func (c Code) Retryable() bool {
	return c == Unavailable || c == RateLimited || c == Internal || c == Pending
}
