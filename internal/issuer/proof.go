package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/token"
)

const purposeNonce = "dpop nonce"

// proofs checks DPoP proofs at the issuer's endpoints.
type proofs struct {
	atToken token.ProofChecker // with the issuer's nonces
	atOwn   token.ProofChecker // at our resource servers; the store's memory needs no nonces
}

func newProofs(c *Config) proofs {
	mac := func(message []byte) symbolon.Hash { return c.Vault.MAC(purposeNonce, message) }
	return proofs{token.ProofChecker{Nonces: token.NewNonces(mac, c.Clock), Clock: c.Clock}, token.ProofChecker{Clock: c.Clock}}
}

// ProofRule is what a client's proofs must be beyond RFC 9449 §4.3.
type ProofRule struct {
	NonceRequired bool     // carry a nonce of the issuer (§8)
	Algorithms    []string // be signed with one of these; nil = any of [token.Algorithms]
}

// Proof checks the DPoP proof of a request to an endpoint of the issuer that clients call without
// an access token (RFC 9449 §5, §10.1), and uses it up: it passes once, whichever replica it is
// sent to. Errors have the code invalid_dpop_proof, or use_dpop_nonce with a
// [*token.NonceWanted] as cause; or the store is down.
func (i *Issuer) Proof(ctx context.Context, r *http.Request, rule ProofRule) (*token.Proof, error) {
	proof, err := i.proofs.atToken.Check(i.presented(r, "", rule))
	if err != nil {
		return nil, err
	}
	return proof, i.once(ctx, proof)
}

// presented takes the address from the configuration and the path, never from Host.
func (i *Issuer) presented(r *http.Request, accessToken string, rule ProofRule) token.Presented {
	return token.Presented{Proofs: r.Header[token.HeaderProof], Method: r.Method, URL: i.Issuer + r.URL.EscapedPath(),
		AccessToken: accessToken, NonceRequired: rule.NonceRequired, Algorithms: rule.Algorithms}
}

// once remembers a proof where all replicas look.
func (i *Issuer) once(ctx context.Context, p *token.Proof) error {
	err := i.Store.Commit(ctx, symbolon.MarkOnce{Key: p.Key, Expires: p.Until})
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Conflict {
		return token.Replayed()
	}
	return err
}

// CertificateOf is the thumbprint of the certificate that a request was sent with (RFC 8705
// §3.1); "" = none.
func (i *Issuer) CertificateOf(r *http.Request) string { return i.Config.Certificate(r) }

// ofConnection is where a certificate is looked for unless something else is configured.
func ofConnection(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// confirm holds a request to what its token is bound to. A bound token is never a bearer token,
// and a bearer token gains nothing by a proof that says nothing about it (RFC 9449 §7.2).
func (i *Issuer) confirm(ctx context.Context, r *http.Request, bound *token.Confirmation, p presented) error {
	switch {
	case bound == nil && p.dpop:
		return unbelieved("the token is not bound to a key; use it with the Bearer scheme")
	case bound == nil:
		return nil
	case bound.JKT == "" && p.dpop:
		return unbelieved("the token is bound to a certificate alone; use it with the Bearer scheme")
	case bound.JKT != "" && !p.dpop:
		return unbelieved("the token is bound to a key and may not be used as a bearer token")
	case bound.X5TS256 != "" && !same(bound.X5TS256, i.CertificateOf(r)):
		return unbelieved("the token is bound to a certificate that the request was not sent with")
	case bound.JKT == "":
		return nil
	}
	proof, err := i.proofs.atOwn.Check(i.presented(r, p.raw, ProofRule{}))
	if err != nil {
		return err
	}
	if !same(proof.JKT, bound.JKT) {
		return unbelieved("the token is bound to another key than that of the proof")
	}
	return i.once(ctx, proof)
}

func same(a, b string) bool { return symbolon.NewSecret(a).Equal(symbolon.NewSecret(b)) }
