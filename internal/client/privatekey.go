package client

import (
	"errors"
	"time"

	"symbolon.dev/internal/profile"
)

// maxLife is how far ahead a client may let its own assertion end.
const maxLife = 10 * time.Minute

// provePrivateKey is private_key_jwt: OIDC Core §9, RFC 7523 §3. The client signs with a key of
// its own that iss and sub are the client, aud is the issuer and nobody else (RFC 7523bis), and
// jti, once.
func provePrivateKey(p *proof) error {
	id, c := string(p.client.ID), p.shown.claims
	if c.Issuer != id || c.Subject != id {
		return errors.New("iss and sub of the assertion must both be the client")
	}
	strictly := profile.Of(p.client).IssuerAudience
	r := rule{audiences: []string{p.Issuer}, bare: strictly, life: maxLife}
	switch {
	case p.client.EndpointAudience && !strictly:
		r.audiences = append(r.audiences, p.Issuer+"/token")
	case len(c.Audience) != 1:
		return errors.New("the assertion must have one audience")
	}
	r.keys = p.source(p.ctx, p.client.JWKS, p.client.JWKSURI, signing)
	if err := p.judge(r); err != nil {
		return err
	}
	return p.once()
}
