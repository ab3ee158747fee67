package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// nobody stands in for a client that does not exist, so that the look-up ends no sooner.
var nobody = []symbolon.ClientSecret{
	{SHA256: "0000000000000000000000000000000000000000000000000000000000000000"},
}

// burn does the work that a proof would have cost, where that does not depend on the client:
// nobody learns by the time taken which clients there are. Keys at addresses are not imitated.
func (a *Authenticator) burn(shown *presented) {
	switch shown.by {
	case byBasic, byPost:
		_ = matchSecret(nobody, shown.secret, time.Time{})
	case byAssertion, bySVID:
		v := token.Verifier{Algorithms: []string{token.ES256}, Types: types, MaxSize: maxAssertion,
			Keys: token.KeyFunc(func(string, string) (crypto.PublicKey, error) { return a.decoy, nil })}
		_, _ = v.Payload(shown.assertion)
	}
}

// newDecoy makes a key whose other half is forgotten at once.
func newDecoy() *ecdsa.PublicKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil // never: crypto/rand aborts the program instead
	}
	return &key.PublicKey
}
