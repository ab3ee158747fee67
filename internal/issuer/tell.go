package issuer

import (
	"context"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/claim"
	"symbolon.dev/token"
)

// audience is who is told of a subject, by which rule.
type audience struct {
	resource *symbolon.Resource
	client   *symbolon.Client // that the token is issued to
	rule     symbolon.TokenRule
	user     *symbolon.User // the person, if at hand
	strict   bool           // for a JWT: what cannot be told as declared is an error; else it is left out
}

// tell adds what a resource may know of the subject: the fields and attributes that its rule names,
// and the claims that its mappings compute. Whatever the rule says, and whenever an attribute
// was labelled, nothing personal is told to a resource outside (S26).
func (i *Issuer) tell(ctx context.Context, c *token.Claims, a audience) error {
	if len(a.rule.Claims) == 0 && len(a.rule.Mappings) == 0 {
		return nil
	}
	if c.Kind == token.KindService {
		i.describeService(c, a.rule.Claims)
		return i.compute(c, a)
	}
	if a.user == nil {
		found, err := i.User(ctx, symbolon.UserID(c.Subject))
		if err != nil {
			return err
		}
		a.user = found
	}
	for _, field := range a.rule.Claims {
		if a.resource.External() && withheld(a.user, field) {
			if a.strict {
				return unspeakable(field, a.resource.ID)
			}
			continue
		}
		describeUser(c, a.user, field)
	}
	return i.compute(c, a)
}

// withheld reports whether a field is personal, by its name or by the label of the attribute.
func withheld(user *symbolon.User, field string) bool {
	if catalog.Personal(field) {
		return true
	}
	_, hidden := claim.Attribute(user, field, true)
	return hidden
}

func unspeakable(name string, to symbolon.ResourceID) error {
	return symbolon.Refuse(symbolon.Denied, "invalid_target", "the claim %s cannot be told to %s: it is personal data, or cannot be computed for this subject", name, to)
}

// compute adds what the mappings say.
func (i *Issuer) compute(c *token.Claims, a audience) error {
	if len(a.rule.Mappings) == 0 {
		return nil
	}
	hook, _ := c.Extra[claimHook].(map[string]any)
	facts := &claim.Facts{User: a.user, ACR: c.ACR, AMR: c.AMR, AuthTime: c.AuthTime, Client: a.client, Resource: a.resource, Scopes: c.Scope, Hook: hook}
	for _, m := range a.rule.Mappings {
		value, err := i.mapped(m, a, facts)
		if err != nil && a.strict {
			return unspeakable(m.Claim, a.resource.ID)
		}
		if err == nil && !unmappable[m.Claim] {
			setExtra(c, m.Claim, value)
		}
	}
	return nil
}

func (i *Issuer) mapped(m symbolon.Mapping, a audience, facts *claim.Facts) (any, error) {
	if a.resource.External() && (m.PII || catalog.Personal(m.Claim)) {
		return nil, symbolon.Errorf(symbolon.Invalid, "it is personal data")
	}
	expression, err := i.expressions.Compile(m.Expr, claim.Of(a.resource, &a.rule))
	if err != nil {
		return nil, err
	}
	return expression.Eval(facts)
}

// unmappable are the names of [reserved], without the two that RFC 9068 §2.2.3.1 leaves to whoever
// knows what they mean.
var unmappable = func() map[string]bool {
	names := map[string]bool{claimEmbedded: true, claimHook: true, claimReference: true, claimTransaction: true, claimStatus: true}
	for name := range reserved {
		names[name] = name != "roles" && name != "entitlements" && name != claimUsername
	}
	return names
}()
