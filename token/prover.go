package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"symbolon.dev"
)

// Prover makes DPoP proofs with one key: the client's side of [ProofChecker]. It is safe for
// concurrent use.
type Prover struct {
	key   *ecdsa.PrivateKey
	head  string // the encoded header
	jkt   string
	clock symbolon.Clock
}

// NewProver makes a P-256 key that never leaves it.
func NewProver(clock symbolon.Clock) (*Prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	jwk, err := requiredMembers(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	jkt, err := Thumbprint(&key.PublicKey)
	head := `{"typ":"` + TypeProof + `","alg":"` + ES256 + `","jwk":` + string(jwk) + `}`
	return &Prover{key: key, head: base64.RawURLEncoding.EncodeToString([]byte(head)), jkt: jkt, clock: clock}, err
}

// JKT is the thumbprint of the key.
func (p *Prover) JKT() string { return p.jkt }

// Prove makes a proof for one request. AccessToken is the one that is sent with it, nonce the last
// that the server gave; either may be "".
func (p *Prover) Prove(method, address, accessToken, nonce string) (string, error) {
	if at := strings.IndexAny(address, "?#"); at >= 0 {
		address = address[:at]
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	o := openObject(make([]byte, 0, 256))
	o.binary("jti", id[:])
	o.text("htm", method)
	o.text("htu", address)
	o.time("iat", p.clock())
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		o.binary("ath", sum[:])
	}
	o.text("nonce", nonce)
	input := p.head + "." + base64.RawURLEncoding.EncodeToString(o.close())
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte // R‖S (RFC 7518 §3.4)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}
