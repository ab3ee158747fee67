package client

import (
	"context"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Keys finds the signing keys that a client has registered, by value or by address: those that its
// request objects are verified with (RFC 9101 §6.2) are those that it authenticates with.
func (a *Authenticator) Keys(ctx context.Context, c *symbolon.Client) token.KeySource {
	return a.source(ctx, c.JWKS, c.JWKSURI, signing)
}

// IssuerKeys finds the keys of an issuer that an organisation trusts: those declared, or those that
// its discovery document names.
func (a *Authenticator) IssuerKeys(ctx context.Context, trust *symbolon.Trust) (token.KeySource, error) {
	return a.issuerKeys(ctx, trust)
}
