package oauth

import (
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

// prove finds out what the client holds beside its credential: the key of its DPoP proof, and the
// certificate that the request was sent with. What of it the token is bound to, and whether that
// is enough, the issuer decides. A proof is used up here, whatever becomes of the request.
func (c *call) prove() error {
	held := token.Confirmation{X5TS256: c.Tokens.CertificateOf(c.r)}
	if c.sendsProof() || c.client.DPoPBound {
		var err error
		if held.JKT, err = c.proveKey(); err != nil {
			return err
		}
	}
	if held != (token.Confirmation{}) {
		c.holder = &held
	}
	return nil
}

func (c *call) sendsProof() bool { return len(c.r.Header[token.HeaderProof]) > 0 }

// proveKey gives the thumbprint of the key that the request proves.
func (c *call) proveKey() (jkt string, err error) {
	proof, err := c.Tokens.Proof(c.r.Context(), c.r, issuer.ProofRule{
		NonceRequired: c.client.DPoPNonce, Algorithms: profile.Of(c.client).Algorithms})
	if err != nil {
		return "", err
	}
	if proof.Renew != "" {
		c.w.Header().Set(token.HeaderNonce, proof.Renew)
	}
	return proof.JKT, nil
}

// pushKey takes a proof that is sent with a pushed request for the dpop_jkt that it implies: only
// the key that was proven will redeem the code (RFC 9449 §10.1).
func (c *call) pushKey(a *authorization) error {
	if !c.sendsProof() {
		return nil
	}
	jkt, err := c.proveKey()
	if err != nil {
		return err
	}
	switch named := a.params.Get("dpop_jkt"); named {
	case "":
		a.params.pairs = append(slices.Clone(a.params.pairs), pair{"dpop_jkt", jkt})
	case jkt:
	default:
		return symbolon.Refuse(symbolon.Invalid, token.CodeInvalidProof, "dpop_jkt is not the key of the proof")
	}
	return nil
}
