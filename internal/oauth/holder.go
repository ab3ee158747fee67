package oauth

import (
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

// prove finds out what the client holds beside its credential: the key of its DPoP proof, and the
// certificate that the request was sent with. What of it the token is bound to, and whether that
// is enough, the issuer decides. A proof is used up here, whatever becomes of the request.
func (c *call) prove() error {
	held := token.Confirmation{X5TS256: c.Tokens.CertificateOf(c.r)}
	if len(c.r.Header[token.HeaderProof]) > 0 || c.client.DPoPBound {
		proof, err := c.Tokens.Proof(c.r.Context(), c.r, issuer.ProofRule{
			NonceRequired: c.client.DPoPNonce, Algorithms: profile.Of(c.client).Algorithms})
		if err != nil {
			return err
		}
		if proof.Renew != "" {
			c.w.Header().Set(token.HeaderNonce, proof.Renew)
		}
		held.JKT = proof.JKT
	}
	if held != (token.Confirmation{}) {
		c.holder = &held
	}
	return nil
}
