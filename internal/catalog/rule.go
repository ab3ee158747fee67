package catalog

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/claim"
	"symbolon.dev/token"
)

// Limits of a token's rule.
const (
	maxMappings = 50
	maxEmbedded = 8
	maxHookTime = 5 * time.Second
	everyOther  = symbolon.ResourceID("*") // in a client's rules
)

var formats = []string{"opaque", "jwt", "jwe"}

// personal names claims that hold a person's data whatever computes them: the user's own fields,
// and the standard claims of OpenID Connect Core 1.0 §5.1.
var personal = []string{"login", "preferred_username", "name", "email", "given_name", "family_name", "middle_name", "nickname", "profile",
	"picture", "website", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address"}

// Personal reports whether a claim of this name is personal data.
func Personal(name string) bool { return slices.Contains(personal, name) }

// spoken are claims that the issuer sets itself, beside those of [registered].
var spoken = []string{"groups", "org", "organisation", "department", "employment", "active", "ancestors", "authorization_details", "embedded",
	"status", "txn", "ref", "events", "username", "at_hash", "c_hash", "s_hash"}

// leaving holds a resource's rule against where its tokens go (S26).
func (c *checker) leaving(v *symbolon.Resource) {
	c.oneOf("zone", v.Zone, "internal", "external")
	c.oneOf("token.subject", v.Token.Subject, subjectPublic, subjectPairwise)
	c.must(v.Token.Sector == "" || v.Token.Subject == subjectPairwise, "token.sector: it needs subject pairwise")
	c.must(v.Token.Sector == "" || symbolon.ValidName(v.Token.Sector), "token.sector: %q is not a name", v.Token.Sector)
	c.oneSector(v)
	for i, name := range v.Token.Claims {
		c.must(!Personal(name) || !v.External(), "token.claims[%d]: %s is personal data, and the resource is external (declare zone internal if it is ours)", i, name)
	}
	_, exists := c.Client(v.Token.MayAct)
	c.must(v.Token.MayAct == "" || exists, "token.may_act: there is no client %q", v.Token.MayAct)
	c.mappings(v)
	c.hook(v)
	c.encryption(v)
	c.embed(v)
	c.widening(v)
}

func (c *checker) mappings(v *symbolon.Resource) {
	c.must(len(v.Token.Mappings) <= maxMappings, "token.mappings: more than %d entries", maxMappings)
	seen := slices.Clone(v.Token.Claims)
	for i, m := range v.Token.Mappings {
		field := fmt.Sprintf("token.mappings[%d]", i)
		c.claim(field+".claim", m.Claim)
		c.must(!slices.Contains(spoken, m.Claim), "%s.claim: the issuer itself says %q", field, m.Claim)
		c.must(!slices.Contains(seen, m.Claim), "%s.claim: %q is there twice", field, m.Claim)
		seen = append(seen, m.Claim)
		c.must(!v.External() || !m.PII && !Personal(m.Claim), "%s: %s is personal data, and the resource is external", field, m.Claim)
		if _, err := c.expressions.Compile(m.Expr, claim.Of(v, &v.Token)); err != nil {
			c.fault("%s.expr: %s", field, err)
		}
	}
}

func (c *checker) hook(v *symbolon.Resource) {
	h := v.Token.Hook
	if h == nil {
		return
	}
	u, err := url.Parse(h.URL)
	good := err == nil && plainASCII(h.URL) && len(h.URL) <= maxURI && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
	c.must(good, "token.hook.url: it must be an https:// URL")
	c.between("token.hook.timeout", h.Timeout, time.Millisecond, maxHookTime)
}

func (c *checker) encryption(v *symbolon.Resource) {
	c.must(v.Token.Format != "jwe" || v.Token.Encryption != nil, "token.encryption: format jwe needs the key to encrypt to")
	if v.Token.Encryption == nil {
		return
	}
	if _, err := token.NewRecipient(v.Token.Encryption); err != nil {
		c.fault("token.encryption: %s", err)
	}
}

// embed: inner tokens are JWTs, so what they tell is told to whoever can read the outer one.
func (c *checker) embed(v *symbolon.Resource) {
	distinct(c, "token.embed", v.Token.Embed)
	c.must(len(v.Token.Embed) <= maxEmbedded, "token.embed: more than %d entries", maxEmbedded)
	for i, id := range v.Token.Embed {
		inner, ok := c.Resource(id)
		c.must(ok && id != v.ID && !slices.Contains(reservedResources, id), "token.embed[%d]: %q is not another resource", i, id)
		if ok {
			c.must(v.Token.Format != "jwt" || shown(inner), "token.embed[%d]: holders of the JWT would read what is for %s; declare a zone there, or wrap in an opaque token", i, id)
		}
	}
}

// shown reports whether a client may read a JWT for the resource: it is held to what an external
// one may be told, or somebody declared that its clients are ours.
func shown(r *symbolon.Resource) bool { return r.External() || r.Zone != "" }

func (c *checker) widening(v *symbolon.Resource) {
	c.must(len(v.Widening) <= maxList, "widening: more than %d entries", maxList)
	var known []string
	for _, scope := range v.Scopes {
		known = append(known, scope.Name)
	}
	seen := map[string]bool{}
	for i, w := range v.Widening {
		field := fmt.Sprintf("widening[%d]", i)
		c.must(symbolon.ValidName(w.Name) && !seen[w.Name], "%s.name: it must be a name that no other has", field)
		seen[w.Name] = true
		_, exists := c.Client(w.Client)
		c.must(exists, "%s.client: there is no client %q", field, w.Client)
		_, exists = c.Resource(w.From)
		c.must(exists, "%s.from: there is no resource %q", field, w.From)
		c.must(len(w.Scopes) > 0, "%s.scopes: it must name some", field)
		for _, scope := range w.Scopes {
			c.must(slices.Contains(known, scope), "%s.scopes: %q is no scope of the resource", field, scope)
		}
	}
}

// clientRules checks that a client's rules tighten those of the resources.
func (c *checker) clientRules(v *symbolon.Client) {
	c.must(len(v.Tokens) <= maxList, "tokens: more than %d entries", maxList)
	for id, rule := range v.Tokens {
		field := "tokens[" + string(id) + "]"
		c.oneOf(field+".format", rule.Format, formats...)
		c.oneOf(field+".algorithm", rule.Algorithm, algorithms...)
		c.oneOf(field+".binding", rule.Binding, "dpop", "mtls", "any")
		c.between(field+".lifetime", rule.Lifetime, minLifetime, maxLifetime)
		c.between(field+".session", rule.Session, minLifetime, maxSession)
		whole := len(rule.Mappings) == 0 && rule.Hook == nil && rule.Subject == "" && rule.Sector == "" && rule.Encryption == nil && len(rule.Embed) == 0 && rule.MayAct == ""
		c.must(whole, "%s: a client has format, lifetime, session, algorithm, claims and binding of its own; the rest is the resource's", field)
		if id == everyOther {
			c.must(rule.Format == "" || rule.Format == "opaque", "%s.format: for all resources at once it can only be opaque", field)
			c.must(len(rule.Claims) == 0, "%s.claims: name the resource", field)
			continue
		}
		if r, ok := c.Resource(id); ok {
			c.clientRule(field, &rule, r)
		} else {
			c.fault("%s: there is no resource %q", field, id)
		}
	}
}

func (c *checker) clientRule(field string, rule *symbolon.TokenRule, r *symbolon.Resource) {
	shorter := func(name string, own, theirs symbolon.Duration) {
		c.must(theirs == 0 || own <= theirs, "%s.%s: %s is longer than the resource's %s", field, name, time.Duration(own), time.Duration(theirs))
	}
	shorter("lifetime", rule.Lifetime, r.Token.Lifetime)
	shorter("session", rule.Session, r.Token.Session)
	c.must(rule.Format != "jwe" || r.Token.Encryption != nil, "%s.format: the resource has no key to encrypt to", field)
	c.must(rule.Format != "jwt" || shown(r), "%s.format: the client would read what is for %s; declare a zone there", field, r.ID)
	for i, name := range rule.Claims {
		known := slices.Contains(r.Token.Claims, name) || slices.ContainsFunc(r.Token.Mappings, func(m symbolon.Mapping) bool { return m.Claim == name })
		c.must(known, "%s.claims[%d]: the resource asks for no %q", field, i, name)
	}
}
