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
