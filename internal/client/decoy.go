package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
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
func burn(shown *presented) {
	switch shown.by {
	case byBasic, byPost:
		_ = matchSecret(nobody, shown.secret, time.Time{})
	case byAssertion, bySVID:
		v := token.Verifier{Algorithms: []string{token.ES256}, Types: types, MaxSize: maxAssertion,
			Keys: token.KeyFunc(func(string, string) (crypto.PublicKey, error) { return decoyKey(), nil })}
		_, _ = v.Payload(shown.assertion)
	}
}

// decoyKey is the base point of P-256: anybody knows its private key, which is 1, and nothing
// that it signs is ever believed.
func decoyKey() *ecdsa.PublicKey {
	curve := elliptic.P256()
	return &ecdsa.PublicKey{Curve: curve, X: curve.Params().Gx, Y: curve.Params().Gy}
}
