package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"symbolon.dev"
)

// scheme is what an algorithm of RFC 7518 §3.1 or RFC 8037 §3.1 needs.
type scheme struct {
	hash   crypto.Hash // 0 = the key signs the message itself
	sum    func([]byte) []byte
	width  int // of R and S in an ECDSA signature, bytes
	pss    bool
	slow   bool // a key takes long to make
	create func() (crypto.Signer, error)
}

func schemeOf(alg string) (scheme, error) {
	switch alg {
	case "ES256":
		return scheme{hash: crypto.SHA256, sum: sum256, width: 32, create: ecdsaOn(elliptic.P256())}, nil
	case "ES384":
		return scheme{hash: crypto.SHA384, sum: sum384, width: 48, create: ecdsaOn(elliptic.P384())}, nil
	case "EdDSA":
		return scheme{create: newEd25519}, nil
	case "PS256":
		return scheme{hash: crypto.SHA256, sum: sum256, pss: true, slow: true, create: newRSA}, nil
	case "RS256":
		return scheme{hash: crypto.SHA256, sum: sum256, slow: true, create: newRSA}, nil
	}
	return scheme{}, symbolon.Errorf(symbolon.Invalid, "%q is not a signing algorithm; known are ES256, ES384, EdDSA, PS256, RS256", alg)
}

func sum256(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }
func sum384(b []byte) []byte { sum := sha512.Sum384(b); return sum[:] }

func ecdsaOn(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func newEd25519() (crypto.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

func newRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) }

// Signer signs with one key of the ring. The private part is behind [crypto.Signer], so it may
// as well be in hardware.
type Signer struct {
	id     symbolon.KeyID
	alg    string
	scheme scheme
	key    crypto.Signer
}

// KeyID is the kid in the JWKS.
func (s *Signer) KeyID() string { return string(s.id) }

// Algorithm is the JWS alg.
func (s *Signer) Algorithm() string { return s.alg }

// Public is the key that verifies.
func (s *Signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign makes a JWS signature over input (RFC 7515 §5.1).
func (s *Signer) Sign(input []byte) ([]byte, error) {
	if s.scheme.hash == 0 {
		return s.key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := s.scheme.sum(input)
	if s.scheme.pss {
		return s.key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.scheme.hash})
	}
	signature, err := s.key.Sign(rand.Reader, digest, s.scheme.hash)
	if err != nil || s.scheme.width == 0 {
		return signature, err
	}
	return fixedWidth(signature, s.scheme.width)
}

// fixedWidth turns the DER of an ECDSA signature into R‖S (RFC 7518 §3.4).
func fixedWidth(der []byte, width int) ([]byte, error) {
	var sequence cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&sequence, asn1.SEQUENCE) || !sequence.ReadASN1Integer(&r) || !sequence.ReadASN1Integer(&s) ||
		len(r) > width || len(s) > width {
		return nil, errors.New("the signing key made a malformed ECDSA signature")
	}
	out := make([]byte, 2*width)
	copy(out[width-len(r):width], r)
	copy(out[2*width-len(s):], s)
	return out, nil
}

// jwk is a public key as the JWKS shows it (RFC 7517, RFC 7518 §6, RFC 8037 §2).
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

func (s *Signer) jwk() (jwk, error) {
	out := jwk{Kid: s.KeyID(), Use: "sig", Alg: s.alg}
	switch public := s.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			return jwk{}, err
		}
		out.Kty, out.Crv = "EC", public.Curve.Params().Name
		half := (len(point) - 1) / 2
		out.X, out.Y = base64url(point[1:1+half]), base64url(point[1+half:])
	case ed25519.PublicKey:
		out.Kty, out.Crv, out.X = "OKP", "Ed25519", base64url(public)
	case *rsa.PublicKey:
		out.Kty, out.N, out.E = "RSA", base64url(public.N.Bytes()), base64url(big.NewInt(int64(public.E)).Bytes())
	default:
		return jwk{}, symbolon.Errorf(symbolon.Internal, "key %s is of type %T, which no JWKS shows", s.id, public)
	}
	return out, nil
}

// suits reports whether a key that was loaded is of the kind that its algorithm needs.
func (s *Signer) suits() bool {
	switch public := s.Public().(type) {
	case *ecdsa.PublicKey:
		return s.scheme.width == (public.Curve.Params().BitSize+7)/8
	case ed25519.PublicKey:
		return s.alg == "EdDSA"
	case *rsa.PublicKey:
		return slices.Contains([]string{"PS256", "RS256"}, s.alg)
	}
	return false
}
