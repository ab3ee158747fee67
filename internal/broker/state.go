package broker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"symbolon.dev"
)

// login is one person's way to the issuer and back. It lives in a cookie, so that any replica
// can finish what another began, and only the browser that began it can.
type login struct {
	Return   string // local path and query
	Resource symbolon.ResourceID
	Origin   string // of the host it began on
	Nonce    string
	Verifier string // PKCE
	Asked    symbolon.Remedy
	Round    int // of logins in a row
	Expires  time.Time
}

// rounds remembers for a short time how many logins there were in a row, which ends a loop
// between a policy that wants more and a login that does not give it.
type rounds struct {
	Resource symbolon.ResourceID
	Round    int
	Expires  time.Time
}

const (
	loginTime  = 10 * time.Minute
	roundsTime = time.Minute
	maxRounds  = 3
	maxLogins  = 8 // cookies of logins that one browser may have open
)

// sealer encrypts what the broker keeps in browsers, with a key from its client credential.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret symbolon.Secret, client string) (sealer, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), []byte(client), "symbolon broker login cookie v1", 32)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// seal binds the value to the name of its cookie and the host it is for.
func (s sealer) seal(value any, name, host string) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	sealed := s.aead.Seal(nil, nil, plain, []byte(name+"\x00"+host)) //nolint:gosec // this AEAD makes the nonce itself, at random
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (s sealer) open(sealed, name, host string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return err
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(name+"\x00"+host))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// random is 256 bits that nobody can guess: a state, a nonce, a PKCE verifier (RFC 7636 §4.1).
func random() string {
	var entropy [32]byte
	_, _ = rand.Read(entropy[:]) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(entropy[:])
}

func challengeS256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// loginKey names the cookie of a state without giving the state away.
func loginKey(state string) string { return challengeS256(state)[:16] }
