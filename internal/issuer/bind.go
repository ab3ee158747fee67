package issuer

import (
	"symbolon.dev"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

// Values of [symbolon.TokenRule.Binding].
const (
	BindingDPoP = "dpop"
	BindingMTLS = "mtls"
	BindingAny  = "any"
)

// confirmation is what the token will be bound to: the key that was proven, always; and the
// certificate, where the client or the resource wants that. It refuses to make a bearer token
// where client or resource want a bound one, or where the token that it is made from is bound.
//
// A broker's two tokens are left out, for it stands where the binding ends: the session of a
// browser is in a cookie that no script can read, and what an upstream is shown, after the broker
// has checked the caller's proof, is the broker's own word.
func (m *Mint) confirmation() (*token.Confirmation, error) {
	var held, out token.Confirmation
	if m.Holder != nil {
		held = *m.Holder
	}
	wants, rebound := m.rule().Binding, m.From != nil && m.From.Confirmation != nil
	if wants == "" && profile.Of(m.Client).Bound {
		wants = BindingAny
	}
	out.JKT = held.JKT
	if m.Client.CertificateBound || wants == BindingMTLS || (wants == BindingAny || rebound) && held.JKT == "" {
		out.X5TS256 = held.X5TS256
	}
	if !m.swap && !m.browserSession() {
		if err := m.boundEnough(out, wants, rebound); err != nil {
			return nil, err
		}
	}
	if out == (token.Confirmation{}) {
		return nil, nil
	}
	return &out, nil
}

func (m *Mint) boundEnough(c token.Confirmation, wants string, rebound bool) error {
	unproven := func(code, message string) error { return symbolon.Refuse(symbolon.Invalid, code, "%s", message) }
	switch {
	case m.Client.DPoPBound && c.JKT == "":
		return unproven(token.CodeInvalidProof, "this client's tokens are bound to a key: send a DPoP proof")
	case wants == BindingDPoP && c.JKT == "":
		return unproven(token.CodeInvalidProof, "tokens for this resource are bound to a key: send a DPoP proof")
	case m.Client.CertificateBound && c.X5TS256 == "":
		return unproven("invalid_request", "this client's tokens are bound to its certificate: connect with one")
	case wants == BindingMTLS && c.X5TS256 == "":
		return unproven("invalid_request", "tokens for this resource are bound to a certificate: connect with one")
	case wants == BindingAny && c == (token.Confirmation{}):
		return unproven("invalid_request", "tokens for this client or resource are bound to their presenter: send a DPoP proof, or connect with a certificate")
	case rebound && c == (token.Confirmation{}):
		return unproven("invalid_request", "the subject token is bound, so the new one has to be: send a DPoP proof of your own key, or connect with a certificate")
	}
	return nil
}
