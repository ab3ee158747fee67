package symbolon

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
)

// Hash is the SHA-256 of a secret that we generated. Such secrets have full entropy, so a
// slow hash would protect nothing.
type Hash [sha256.Size]byte

// HashOf hashes a presented secret for look-up.
func HashOf(presented string) Hash { return sha256.Sum256([]byte(presented)) }

// Secret is a value that must not leak: it does not print, log, marshal or compare with ==.
// Only [Secret.Reveal] gives it out, and a reader can search for that word.
type Secret struct {
	_     [0]func() // makes == a compile error
	value string
}

// NewSecret wraps a value; the zero Secret is empty.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal gives the bare value to the one place that must send or hash it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is nothing to protect.
func (s Secret) Empty() bool { return s.value == "" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

// Hash is what a store may keep of it.
func (s Secret) Hash() Hash { return HashOf(s.value) }

const redacted = "[secret]"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return nil, errors.New("a secret is not marshalled") }
