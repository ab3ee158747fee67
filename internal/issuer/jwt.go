package issuer

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"symbolon.dev"
)

// readJWT checks a signature of ours. One that was checked before is not checked again, but its
// key must still be trusted.
func (i *Issuer) readJWT(raw string) (*opened, error) {
	hash := symbolon.HashOf(raw)
	if known, ok := i.opened.GetIfPresent(hash); ok {
		if _, err := i.Keys.Key(known.key, known.alg); err != nil {
			return nil, untrustedKey(err)
		}
		return known, nil
	}
	claims, err := i.verifier.Verify(raw)
	if err != nil {
		return nil, untrustedKey(err)
	}
	if claims, err = i.undisguise(claims); err != nil {
		return nil, err
	}
	o := hung(claims, claims.IssuedAt)
	o.key, o.alg = signedBy(raw)
	if o.key != "" {
		i.opened.Set(hash, o)
	}
	return o, nil
}

func untrustedKey(err error) error {
	if isNotFound(err) {
		return unbelieved("the token is not signed by a key of ours").Because(err)
	}
	return err
}

// signedBy reads the header of a JWT that has been verified.
func signedBy(raw string) (kid, alg string) {
	encoded, _, _ := strings.Cut(raw, ".")
	plain, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", ""
	}
	var header struct {
		Kid string `json:"kid"`
		Alg string `json:"alg"`
	}
	if json.Unmarshal(plain, &header) != nil {
		return "", ""
	}
	return header.Kid, header.Alg
}
