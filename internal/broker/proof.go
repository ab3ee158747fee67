package broker

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

// proofs is how the broker knows the holder of a bound token. It has no store, so a replica
// remembers the proofs that it took, and no others: with n replicas a proof that somebody caught
// together with its token could pass n times, for the same method and address, in the minute that
// it lives. Where a resource asks for bound tokens, a proof also needs a nonce of the brokers, so
// that none can be made in advance. Nonces are the same at every replica, as they are a MAC under
// a key from the client credential.
type proofs struct {
	checker token.ProofChecker
	memory  *token.Replays
}

func newProofs(c *Config) (proofs, error) {
	mac, err := token.NonceMAC(c.Secret, "broker "+c.ClientID)
	return proofs{token.ProofChecker{Nonces: token.NewNonces(mac, c.Clock), Clock: c.Clock}, token.NewReplays(c.Clock)}, err
}

// bindingFits reports whether a token is presented in the way that its binding wants, and is as
// bound as the resource wants. The session of a browser at an app is in a cookie, and never bound.
func bindingFits(c *token.Confirmation, r *symbolon.Resource, given credential) bool {
	if given.fromCookie {
		return c == nil
	}
	var bound token.Confirmation
	if c != nil {
		bound = *c
	}
	if given.dpop != (bound.JKT != "") {
		return false
	}
	switch r.Token.Binding {
	case "":
		return true
	case "dpop":
		return bound.JKT != ""
	case "mtls":
		return bound.X5TS256 != ""
	case "any":
		return c != nil
	}
	return false
}

// prove asks whoever presents a bound token for the key or certificate that it is bound to
// (RFC 9449 §7, RFC 8705 §3). The address that a proof has to name is the one that the catalog
// gives the resource: Host, and what proxies say of it, is the caller's.
func (b *Broker) prove(r *http.Request, ev *door.Event, f *flight, bound *token.Confirmation, found *route) error {
	if bound == nil {
		return nil
	}
	err := b.certified(r, bound)
	if err == nil && bound.JKT != "" {
		err = b.proveKey(r, f, bound.JKT, found)
	}
	if err != nil {
		b.countRefusal(ev, found, "the token's holder is not proven")
	}
	return err
}

func (b *Broker) certified(r *http.Request, bound *token.Confirmation) error {
	if bound.X5TS256 != "" && !same(bound.X5TS256, b.Certificate(r)) {
		return symbolon.Refuse(symbolon.Unauthenticated, invalidToken, "the token is bound to a certificate that the request was not sent with")
	}
	return nil
}

// proveKey uses a proof up. A flight proves once, however often its token is asked about.
func (b *Broker) proveKey(r *http.Request, f *flight, jkt string, found *route) error {
	if f.proof == nil {
		proof, err := b.proofs.checker.Check(token.Presented{
			Proofs: r.Header[token.HeaderProof], Method: r.Method, URL: found.origin + f.rawPath, AccessToken: f.raw.Reveal(),
			NonceRequired: found.resource.Token.Binding == "dpop" || found.resource.Token.Binding == "any"})
		if err != nil {
			return err
		}
		if !same(proof.JKT, jkt) {
			return symbolon.Refuse(symbolon.Unauthenticated, invalidToken, "the token is bound to another key than that of the proof")
		}
		if err := b.proofs.memory.Once(proof); err != nil {
			return err
		}
		f.proof = proof
	}
	if !same(f.proof.JKT, jkt) {
		return unknown()
	}
	return nil
}

func same(a, b string) bool { return symbolon.NewSecret(a).Equal(symbolon.NewSecret(b)) }

// renew gives the caller the next nonce, on an answer that no cache may keep (RFC 9449 §8.2).
func (f *flight) renew(h http.Header) {
	if f.proof != nil && f.proof.Renew != "" {
		h[token.HeaderNonce] = []string{f.proof.Renew}
		h["Cache-Control"] = []string{"no-store"}
	}
}

// ofConnection is the thumbprint of the certificate that the connection shows.
func ofConnection(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
