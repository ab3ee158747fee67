package authn

import (
	"unicode/utf8"

	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"symbolon.dev"
)

// phc is an argon2id hash in the PHC string format:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>     base64 without padding
type phc struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	hash    []byte
}

// current is what new hashes are made with (OWASP: 19 MiB, 2 passes, 1 lane).
var current = phc{memory: 19 << 10, time: 2, threads: 1}

// Bounds of what is accepted, so that a hash from outside cannot ask for all memory or none.
const (
	minMemory, maxMemory = 8, 256 << 10 // KiB
	maxTime, maxThreads  = 16, 16
	minSalt, maxSalt     = 8, 64
	minHash, maxHash     = 16, 64
	saltSize, hashSize   = 16, 32
	maxPHC               = 256 // bytes of the text
)

// HashPassword makes the hash that a store may keep, as `symbolon hash-password` prints it.
// Invalid if the password is too short even beside a second factor; whoever declares one that
// is shorter than [MinPassword] should see to it that it does not stand alone.
func HashPassword(password string) (string, error) {
	normal, err := normalise(password)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(normal) < minSecondPassword {
		return "", symbolon.Errorf(symbolon.Invalid, "a password has at least %d characters, and %d where it stands alone", minSecondPassword, MinPassword)
	}
	return hashNew(normal).String(), nil
}

// CheckHash reports whether a text is a hash that passwords can be checked against. Invalid if not.
func CheckHash(text string) error {
	if _, err := parsePHC(text); err != nil {
		return symbolon.Errorf(symbolon.Invalid, "not an argon2id hash in PHC form").Because(err)
	}
	return nil
}

func hashNew(normal string) phc {
	made := current
	made.salt = make([]byte, saltSize)
	_, _ = rand.Read(made.salt) // never fails: crypto/rand aborts the program instead
	made.hash = made.compute(normal, hashSize)
	return made
}

func (p phc) compute(normal string, size int) []byte {
	return argon2.IDKey([]byte(normal), p.salt, p.time, p.memory, p.threads, uint32(size))
}

func (p phc) matches(normal string) bool {
	return subtle.ConstantTimeCompare(p.compute(normal, len(p.hash)), p.hash) == 1
}

// weak reports whether the hash should be made again: less work than current, or a shorter sum.
func (p phc) weak() bool {
	work, wanted := uint64(p.memory)*uint64(p.time), uint64(current.memory)*uint64(current.time)
	return work < wanted || len(p.salt) < saltSize || len(p.hash) < hashSize
}

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.hash))
}

// parsePHC reads the one form that String writes; anything else is an error.
func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(text) > maxPHC || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return phc{}, fmt.Errorf("not $argon2id$v=19$…")
	}
	var p phc
	if err := p.readParameters(parts[3]); err != nil {
		return phc{}, err
	}
	var err error
	if p.salt, err = readBytes(parts[4], minSalt, maxSalt); err != nil {
		return phc{}, fmt.Errorf("salt: %w", err)
	}
	if p.hash, err = readBytes(parts[5], minHash, maxHash); err != nil {
		return phc{}, fmt.Errorf("hash: %w", err)
	}
	return p, nil
}

func (p *phc) readParameters(text string) error {
	fields := strings.Split(text, ",")
	if len(fields) != 3 {
		return fmt.Errorf("want m=…,t=…,p=…")
	}
	memory, err1 := readNumber(fields[0], "m=", minMemory, maxMemory)
	passes, err2 := readNumber(fields[1], "t=", 1, maxTime)
	lanes, err3 := readNumber(fields[2], "p=", 1, maxThreads)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return err
		}
	}
	if memory < 8*lanes { // RFC 9106 §3.1
		return fmt.Errorf("m must be at least 8 p")
	}
	p.memory, p.time, p.threads = memory, passes, uint8(lanes)
	return nil
}

func readNumber(field, name string, low, high uint64) (uint32, error) {
	digits, ok := strings.CutPrefix(field, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n < low || n > high {
		return 0, fmt.Errorf("%s must be a number from %d to %d", name, low, high)
	}
	return uint32(n), nil
}

func readBytes(text string, low, high int) ([]byte, error) {
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(raw) < low || len(raw) > high || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("want %d to %d bytes", low, high)
	}
	return raw, nil
}

// hasher computes hashes a few at a time: each holds megabytes, and anybody may ask for one.
type hasher struct{ slots chan struct{} }

func newHasher(parallel int) hasher { return hasher{slots: make(chan struct{}, parallel)} }

// do runs work when a slot is free. Unavailable if ctx ends first.
func (h hasher) do(ctx context.Context, work func() error) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return symbolon.Errorf(symbolon.Unavailable, "too many people are signing in; try again").Because(ctx.Err())
	}
	defer func() { <-h.slots }()
	return work()
}
