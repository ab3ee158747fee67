package authn

import (
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"symbolon.dev"
)

// Rules of NIST SP 800-63B-4 §3.1.1.2 for a password that stands alone. There are no rules of
// composition and no forced change.
const (
	MinPassword       = 15      // characters after normalisation
	minSecondPassword = 8       // beside another factor
	maxPassword       = 256     // likewise; at least 64 must be allowed
	maxPasswordBytes  = 4 << 10 // before it
)

// normalise makes the same bytes of what looks the same to the person who types it (NFKC).
func normalise(password string) (string, error) {
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return "", symbolon.Errorf(symbolon.Invalid, "a password has at most %d characters", maxPassword)
	}
	normal := norm.NFKC.String(password)
	if utf8.RuneCountInString(normal) > maxPassword {
		return "", symbolon.Errorf(symbolon.Invalid, "a password has at most %d characters", maxPassword)
	}
	return normal, nil
}

func longEnough(normal string) error {
	if utf8.RuneCountInString(normal) < MinPassword {
		return symbolon.Errorf(symbolon.Invalid, "a password has at least %d characters; several words with spaces are easy to remember", MinPassword)
	}
	return nil
}

// after is a time that differs from before, now if possible.
func after(before, now time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Microsecond)
}
