package symbolon

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"
)

// Identifiers that the product makes: a prefix, "_" and 128 random bits.
type (
	UserID          string // usr_…
	CredentialID    string // crd_…
	SessionID       string // ses_…
	AuthorizationID string // aut_…
	TokenID         string // tok_… ; the jti of an access token, opaque or JWT
	EventID         string // evt_… ; the jti of the security event token that carries it
	KeyID           string // key_… ; the kid in a JWKS
	StreamID        string // str_…
)

// Identifiers that an operator declares: 1 to 128 of [a-zA-Z0-9._:/-] (see [ValidName]).
type (
	ClientID       string
	ResourceID     string
	GroupID        string
	OrganisationID string
	PolicyID       string
)

// Clock tells the time; production passes [Now].
type Clock func() time.Time

// Now is UTC, cut to the microsecond that every store keeps.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func NewUserID() UserID                   { return UserID(newID("usr")) }
func NewCredentialID() CredentialID       { return CredentialID(newID("crd")) }
func NewSessionID() SessionID             { return SessionID(newID("ses")) }
func NewAuthorizationID() AuthorizationID { return AuthorizationID(newID("aut")) }
func NewTokenID() TokenID                 { return TokenID(newID("tok")) }
func NewEventID() EventID                 { return EventID(newID("evt")) }
func NewKeyID() KeyID                     { return KeyID(newID("key")) }
func NewStreamID() StreamID               { return StreamID(newID("str")) }

// NewRequestID names one request across hops, logs and error pages ("req_…").
func NewRequestID() string { return newID("req") }

var lowerBase32 = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID(prefix string) string {
	var entropy [16]byte
	_, _ = rand.Read(entropy[:]) // never fails: crypto/rand aborts the program instead
	return prefix + "_" + lowerBase32.EncodeToString(entropy[:])
}

// ValidName reports whether s may be a declared identifier.
func ValidName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !nameRune(r) }) < 0
}

func nameRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	}
	return strings.ContainsRune("._:/-", r)
}
