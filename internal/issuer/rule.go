package issuer

import (
	"cmp"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

// everyOther names, among a client's rules, the one for resources that are not named.
const everyOther = symbolon.ResourceID("*")

// Rule is how tokens of a resource are made for a client: as the resource declares, tightened by
// what the client declares for it. Times get shorter, claims fewer; format and algorithm are
// replaced; a binding is added, never taken off.
func Rule(c *symbolon.Client, r *symbolon.Resource) symbolon.TokenRule {
	rule := r.Token
	own, ok := c.Tokens[r.ID]
	if !ok {
		own, ok = c.Tokens[everyOther]
	}
	if !ok {
		return rule
	}
	rule.Format, rule.Algorithm = cmp.Or(own.Format, rule.Format), cmp.Or(own.Algorithm, rule.Algorithm)
	rule.Lifetime = shorter(rule.Lifetime, own.Lifetime, defaultLifetime)
	rule.Session = shorter(rule.Session, own.Session, defaultSession)
	if rule.Binding == "" || rule.Binding == BindingAny {
		rule.Binding = cmp.Or(own.Binding, rule.Binding)
	}
	if len(own.Claims) > 0 {
		kept := func(name string) bool { return slices.Contains(own.Claims, name) }
		rule.Claims = slices.DeleteFunc(slices.Clone(rule.Claims), func(name string) bool { return !kept(name) })
		rule.Mappings = slices.DeleteFunc(slices.Clone(rule.Mappings), func(m symbolon.Mapping) bool { return !kept(m.Claim) })
	}
	return rule
}

func shorter(theirs, own symbolon.Duration, usual time.Duration) symbolon.Duration {
	if own <= 0 {
		return theirs
	}
	if theirs <= 0 {
		theirs = symbolon.Duration(usual)
	}
	return min(theirs, own)
}

func (m *Mint) rule() symbolon.TokenRule { return Rule(m.Client, m.Resource) }

// format: a browser's session at an app is always opaque, as it lives long and leaves the house.
// A client with pairwise subjects gets no JWT to read that names a person as others know them.
func (m *Mint) format(rule *symbolon.TokenRule) string {
	wanted := cmp.Or(rule.Format, FormatOpaque)
	if m.Format != "" && !(m.Format == FormatJWT && wanted == FormatJWE) { // a JWE is a JWT for the one who asks
		wanted = m.Format
	}
	named := m.Authorization != nil || m.From != nil && m.From.Kind == token.KindUser
	joined := wanted == FormatJWT && named && catalog.Sector(m.Client) != "" && catalog.SectorOf(m.Resource) == ""
	if m.browserSession() || joined {
		return FormatOpaque
	}
	return wanted
}
