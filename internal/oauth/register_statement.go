package oauth

import (
	"errors"
	"slices"

	"symbolon.dev"
	"symbolon.dev/token"
)

// vouch opens a software statement, and lets what it says go before what the client says (RFC 7591
// §2.3, §3.1.1). Only issuers that an organisation is declared to trust for it are believed.
func (c *registering) vouch() error {
	m := &c.metadata
	if m.Statement == "" {
		return nil
	}
	raw := m.Statement
	unproven, err := token.UnprovenClaims(raw, token.DefaultMaxSize)
	if err != nil {
		return badStatement("it is not a signed JWT", err)
	}
	organisation, trust, ok := c.Catalog.Current().Voucher(unproven.Issuer)
	if !ok {
		return symbolon.Refuse(symbolon.Invalid, "unapproved_software_statement", "the issuer of the software statement is not trusted here")
	}
	keys, err := c.Clients.IssuerKeys(c.r.Context(), trust)
	if err != nil {
		return err
	}
	verifier := token.Verifier{Keys: keys, Types: []string{"", "JWT"}, Issuer: trust.Issuer}
	payload, err := verifier.Payload(raw)
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Unavailable {
		return err
	}
	if err != nil {
		return badStatement("its signature cannot be believed", err)
	}
	now := c.Clock()
	switch {
	case !unproven.Expires.IsZero() && !now.Before(unproven.Expires):
		return badStatement("it has expired", nil)
	case now.Before(unproven.NotBefore):
		return badStatement("it is not valid yet", nil)
	case len(unproven.Audience) > 0 && !slices.Contains(unproven.Audience, c.Issuer):
		return badStatement("it is for another service", nil)
	}
	if err := c.take(payload); err != nil {
		return err
	}
	m.Statement, c.statement, c.vouched = raw, trust.Issuer, organisation.ID
	return nil
}

func badStatement(why string, cause error) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_software_statement", "the software statement is refused: %s", why).Because(cause)
}
