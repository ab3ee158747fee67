package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"slices"
)

// The algorithms of RFC 7518 §3.1 and RFC 8037 §3.1 that are ever accepted.
const (
	ES256 = "ES256"
	ES384 = "ES384"
	EdDSA = "EdDSA" // Ed25519 only
	PS256 = "PS256"
	RS256 = "RS256"
)

// Algorithms lists all of them, the preferred first.
func Algorithms() []string { return []string{ES256, EdDSA, ES384, PS256, RS256} }

const (
	minRSABits = 2048
	maxRSABits = 8192 // a larger one only costs the verifier time
)

// Fits reports whether key is of the type, curve and strength that alg needs. An unknown
// algorithm fits nothing.
func Fits(alg string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return (alg == ES256 && k.Curve == elliptic.P256()) || (alg == ES384 && k.Curve == elliptic.P384())
	case ed25519.PublicKey:
		return alg == EdDSA && len(k) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		return (alg == PS256 || alg == RS256) && soundRSA(k)
	}
	return false
}

func soundRSA(k *rsa.PublicKey) bool {
	bits := k.N.BitLen()
	return bits >= minRSABits && bits <= maxRSABits && k.N.Bit(0) == 1 && k.E >= 3 && k.E&1 == 1
}

// verified checks one JWS signature. The caller has made sure that key fits alg.
func verified(alg string, key crypto.PublicKey, input, signature []byte) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return verifiedECDSA(k, input, signature)
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(k, input, signature)
	case *rsa.PublicKey:
		return verifiedRSA(alg, k, input, signature)
	}
	return false
}

// verifiedECDSA takes the fixed-width R‖S of RFC 7518 §3.4, never DER.
func verifiedECDSA(k *ecdsa.PublicKey, input, signature []byte) bool {
	size := (k.Curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size {
		return false
	}
	var digest []byte
	if k.Curve == elliptic.P384() {
		sum := sha512.Sum384(input)
		digest = sum[:]
	} else {
		sum := sha256.Sum256(input)
		digest = sum[:]
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(k, digest, r, s)
}

func verifiedRSA(alg string, k *rsa.PublicKey, input, signature []byte) bool {
	if len(signature) != k.Size() {
		return false
	}
	digest := sha256.Sum256(input)
	if alg == PS256 {
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} // RFC 7518 §3.5
		return rsa.VerifyPSS(k, crypto.SHA256, digest[:], signature, options) == nil
	}
	return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature) == nil
}

func known(alg string) bool { return slices.Contains(Algorithms(), alg) }
