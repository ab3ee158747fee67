package symbolon

import (
	"errors"
	"fmt"
)

// Kind says what an error means to whoever caused it; each door maps it to its protocol once.
type Kind uint8

const (
	Internal        Kind = iota // ours; the public learns only the request id
	Invalid                     // malformed or contradictory input
	Unauthenticated             // no proof of identity, or a wrong one
	Denied                      // identity is known, policy says no
	NotFound                    // no such thing, or none the caller may know of
	Conflict                    // already used, already there, changed meanwhile
	TooMany                     // a limit on rate, size or count
	Unavailable                 // something we depend on is down; trying later may help
)

// Error is an error inside the house. Message is safe to show; Cause is for the log alone.
type Error struct {
	Kind     Kind
	Code     string // the protocol's own code where a rule knows it ("invalid_grant")
	Message  string
	Cause    error
	Remedies []Remedy // what would lift a refusal
	Policies []string // the policies that refused, for those who may see them
}

func (e *Error) Error() string {
	text := e.Message
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// Refuse makes an error that carries a protocol's code, e.g. RFC 6749 §5.2 "invalid_grant".
func Refuse(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Errorf makes an error of a kind without a protocol's code.
func Errorf(kind Kind, format string, args ...any) *Error {
	return Refuse(kind, "", format, args...)
}

// Because attaches the private cause.
func (e *Error) Because(cause error) *Error { e.Cause = cause; return e }

// Remedy is what would turn a refusal into a permit: authenticate this strongly, this recently.
type Remedy struct {
	ACR    ACR   `json:"acr,omitempty"`
	MaxAge int64 `json:"max_age,omitempty"` // seconds since authentication; 0 = any
}

// IsKind reports whether err is, or was caused by, an [*Error] of that kind.
func IsKind(err error, kind Kind) bool {
	var known *Error
	return errors.As(err, &known) && known.Kind == kind
}
