package grant_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"symbolon.dev/internal/grant"
)

func TestChallengesAndVerifiers(t *testing.T) {
	const good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	for s, want := range map[string]bool{
		good: true, "": false, good + "=": false, good[:42]: false, good + "A": false, good[:42] + "N": false, // bits that mean nothing
		good[:42] + "+": false, good[:42] + "\n": false, strings.Repeat("A", 43): true,
	} {
		if grant.ValidChallenge(s) != want {
			t.Errorf("challenge %q: want %v", s, want)
		}
	}
	for s, want := range map[string]bool{
		strings.Repeat("a", 42): false, strings.Repeat("a", 43): true, strings.Repeat("~", 128): true, strings.Repeat("a", 129): false,
		strings.Repeat("a", 42) + " ": false, strings.Repeat("a", 42) + "é": false, strings.Repeat("-._~aZ9", 7): true,
	} {
		if grant.ValidVerifier(s) != want {
			t.Errorf("verifier %q: want %v", s, want)
		}
	}
}

func TestScopeTokens(t *testing.T) {
	for s, want := range map[string]bool{"read": true, "a:b/c": true, "!": true, "~": true, "": false, "a b": false, `a"`: false, `a\`: false, "é": false, "\x7f": false} {
		if grant.ValidScope(s) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}

// A challenge is valid exactly if it is the one way to write some digest.
func FuzzChallenge(f *testing.F) {
	f.Add("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		canonical := err == nil && len(raw) == sha256.Size && base64.RawURLEncoding.EncodeToString(raw) == s
		if grant.ValidChallenge(s) != canonical {
			t.Fatalf("%q", s)
		}
	})
}
