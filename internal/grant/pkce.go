package grant

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// ValidChallenge reports whether s can be an S256 code challenge: 43 characters that decode to
// 32 bytes (RFC 7636 §4.2). "plain" does not exist here: RFC 9700 §2.1.1.
func ValidChallenge(s string) bool {
	var digest [sha256.Size + 1]byte
	if len(s) != base64.RawURLEncoding.EncodedLen(sha256.Size) || strings.ContainsAny(s, "\r\n") {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(digest[:], []byte(s))
	return err == nil && n == sha256.Size
}

// ValidVerifier reports whether s has the form of RFC 7636 §4.1: 43 to 128 unreserved characters.
func ValidVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unreserved(r) }) < 0
}

func unreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}

// verifies compares a verifier with the challenge of the authorization request. A request
// without a challenge takes no verifier either, so that nobody can strip the one and send the
// other (RFC 9700 §4.8.2).
func verifies(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if !ValidVerifier(verifier) {
		return false
	}
	digest := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(digest[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}
