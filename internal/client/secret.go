package client

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

	"symbolon.dev"
)

// maxSecrets bounds the work that one request can cause.
const maxSecrets = 16

// proveSecret is client_secret_basic and client_secret_post.
func proveSecret(p *proof) error { return matchSecret(p.client.Secrets, p.shown.secret, p.now) }

// matchSecret compares a presented secret with all that are registered, in constant time, so
// that neither which one nor how much of it matched can be learnt. A secret holds until its
// Expires; a client with a malformed hash is not helped by it.
func matchSecret(registered []symbolon.ClientSecret, secret string, now time.Time) error {
	digest := sha256.Sum256([]byte(secret))
	matched, late := 0, 0
	for i, candidate := range registered {
		if i == maxSecrets {
			break
		}
		same := sameHash(digest, candidate.SHA256)
		if candidate.Expires.IsZero() || now.Before(candidate.Expires) {
			matched |= same
		} else {
			late |= same
		}
	}
	switch {
	case matched == 1:
		return nil
	case late == 1:
		return errors.New("the secret has expired")
	}
	return errors.New("the secret is wrong")
}

func sameHash(digest [sha256.Size]byte, registered string) int {
	var want [sha256.Size]byte
	if len(registered) != hex.EncodedLen(len(want)) {
		return 0
	}
	var text [2 * sha256.Size]byte
	copy(text[:], registered)
	if _, err := hex.Decode(want[:], text[:]); err != nil {
		return 0
	}
	return subtle.ConstantTimeCompare(digest[:], want[:])
}
