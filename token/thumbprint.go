package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"

	"symbolon.dev"
)

// Thumbprint is the SHA-256 thumbprint of a public key (RFC 7638 §3), in base64url: the jkt that
// binds a token to it (RFC 9449 §6.1). It is computed from the key and not from how a JWK wrote
// it, so a key has one. The error is of kind Invalid, for a key that no algorithm here uses.
func Thumbprint(key crypto.PublicKey) (string, error) {
	required, err := requiredMembers(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(required)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// requiredMembers writes those of RFC 7638 §3.2 and RFC 8037 §2, in lexicographic order.
func requiredMembers(key crypto.PublicKey) ([]byte, error) {
	o := openObject(make([]byte, 0, 256))
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || (k.Curve != elliptic.P256() && k.Curve != elliptic.P384()) {
			return nil, errNoThumbprint()
		}
		half := (len(point) - 1) / 2
		o.text("crv", k.Curve.Params().Name)
		o.text("kty", "EC")
		o.binary("x", point[1:1+half])
		o.binary("y", point[1+half:])
	case ed25519.PublicKey:
		o.text("crv", "Ed25519")
		o.text("kty", "OKP")
		o.binary("x", k)
	case *rsa.PublicKey:
		o.binary("e", big.NewInt(int64(k.E)).Bytes())
		o.text("kty", "RSA")
		o.binary("n", k.N.Bytes())
	default:
		return nil, errNoThumbprint()
	}
	return o.close(), nil
}

func (o *object) binary(name string, value []byte) {
	o.name(name)
	o.b = append(o.b, '"')
	o.b = append(base64.RawURLEncoding.AppendEncode(o.b, value), '"')
}

func errNoThumbprint() error {
	return symbolon.Errorf(symbolon.Invalid, "the key is of a kind that no algorithm here uses")
}

// ValidThumbprint reports whether s could be a SHA-256 thumbprint, as dpop_jkt is to be (RFC 9449 §10).
func ValidThumbprint(s string) bool {
	return len(s) == base64.RawURLEncoding.EncodedLen(sha256.Size) && len(decode(s)) == sha256.Size
}
