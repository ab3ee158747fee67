package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"symbolon.dev/token"
)

// pair is a key pair that signs by the letter of RFC 7518, written apart from the code under test.
type pair struct {
	kid, alg string
	private  crypto.Signer
}

func newPair(t testing.TB, alg string) *pair {
	t.Helper()
	var private crypto.Signer
	var err error
	switch alg {
	case token.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case token.ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case token.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &pair{"key_" + alg, alg, private}
}

func (p *pair) KeyID() string     { return p.kid }
func (p *pair) Algorithm() string { return p.alg }

func (p *pair) Sign(input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	switch k := p.private.(type) {
	case *ecdsa.PrivateKey:
		digest, width := sum[:], 32
		if p.alg == token.ES384 {
			long := sha512.Sum384(input)
			digest, width = long[:], 48
		}
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width))...), nil
	case *rsa.PrivateKey:
		if p.alg == token.PS256 {
			return rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	}
	return p.private.Sign(rand.Reader, input, crypto.Hash(0))
}

// jwks publishes pairs through go-jose.
func jwks(t testing.TB, pairs ...*pair) token.KeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, p := range pairs {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: p.private.Public(), KeyID: p.kid, Algorithm: p.alg, Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := token.ParseJWKS(data)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

var now = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

func clock() time.Time { return now }

func claims() *token.Claims {
	return &token.Claims{Issuer: "https://id.example", Subject: "usr_1", Audience: []string{"https://orders.example"},
		ClientID: "wiki", ID: "tok_1", IssuedAt: now.Add(-time.Minute), Expires: now.Add(time.Minute), Scope: []string{"read", "write"}}
}

func verifier(keys token.KeySource) *token.Verifier {
	return &token.Verifier{Keys: keys, Issuer: "https://id.example", Audience: "https://orders.example", Clock: clock}
}

func sign(t testing.TB, p token.Signer, c any) string {
	t.Helper()
	compact, err := token.Sign(p, token.TypeAccessToken, c)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// forge signs any header and payload, so that only the form is wrong.
func forge(t testing.TB, p *pair, header, payload string) string {
	t.Helper()
	input := b64(header) + "." + b64(payload)
	signature, err := p.Sign([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func compactOf(parts ...string) string { return strings.Join(parts, ".") }
