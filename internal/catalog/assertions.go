package catalog

import (
	"slices"

	"symbolon.dev"
)

// assertions is what an issuer's assertions may be exchanged for (RFC 7523 §2.1).
func (c *checker) assertions(trust *symbolon.Trust) {
	rule := trust.Assertions
	if rule == nil {
		return
	}
	field := "trust " + trust.Name + ": assertions"
	c.must(trust.Issuer != "", "%s: they need an issuer", field)
	c.must(trust.Issuer != c.Issuer, "%s: this service does not trust its own assertions", field)
	c.oneOf(field+".people", rule.People, "login", "id")
	c.must(rule.People != "" || rule.Services, "%s: they speak neither of people nor of services", field)
	c.must(rule.Claim == "" || scopeName(rule.Claim), "%s.claim: it is not a name", field)
	distinct(c, field+".clients", rule.Clients)
	for i, id := range rule.Clients {
		_, known := c.Client(id)
		c.must(known, "%s.clients[%d]: there is no client %q", field, i, id)
	}
	distinct(c, field+".resources", rule.Resources)
	for i, id := range rule.Resources {
		_, known := c.Resource(id)
		c.must(known, "%s.resources[%d]: there is no resource %q", field, i, id)
	}
	c.must(c.trusted(trust.Issuer) == 1, "%s: the issuer %s is trusted in more than one place", field, trust.Issuer)
}

// trusted counts where an issuer's assertions are taken: one issuer speaks for one organisation.
func (c *checker) trusted(issuer string) (n int) {
	for _, o := range c.organisations {
		for _, trust := range o.Trust {
			if trust.Assertions != nil && trust.Issuer == issuer {
				n++
			}
		}
	}
	return n
}

// Asserter finds the issuer whose assertions are taken as grants, and the organisation it speaks for.
func (s *Snapshot) Asserter(issuer string) (*symbolon.Organisation, *symbolon.Trust, bool) {
	for _, o := range s.organisations {
		i := slices.IndexFunc(o.Trust, func(t symbolon.Trust) bool { return t.Assertions != nil && t.Issuer == issuer })
		if i >= 0 {
			return o, &o.Trust[i], true
		}
	}
	return nil, nil, false
}

// vouches checks an issuer of software statements (RFC 7591 §2.3): it speaks for one organisation.
func (c *checker) vouches(trust *symbolon.Trust) {
	if !trust.Software {
		return
	}
	field, n := "trust "+trust.Name+": software_statements", 0
	for _, o := range c.organisations {
		for _, other := range o.Trust {
			if other.Software && other.Issuer == trust.Issuer {
				n++
			}
		}
	}
	c.must(trust.Issuer != "" && trust.Issuer != c.Issuer, "%s: they need an issuer, and not this service", field)
	c.must(n == 1, "%s: the issuer %s is trusted in more than one place", field, trust.Issuer)
}

// Voucher finds the issuer whose software statements are believed, and the organisation it speaks for.
func (s *Snapshot) Voucher(issuer string) (*symbolon.Organisation, *symbolon.Trust, bool) {
	for _, o := range s.organisations {
		i := slices.IndexFunc(o.Trust, func(t symbolon.Trust) bool { return t.Software && t.Issuer == issuer })
		if i >= 0 && issuer != "" {
			return o, &o.Trust[i], true
		}
	}
	return nil, nil, false
}

// foreign checks an authorization server of another domain.
func (c *checker) foreign(r *symbolon.Resource) {
	if r.Foreign == nil {
		return
	}
	c.must(r.Upstream == nil && r.Server == "" && r.Kind != "app", "foreign_clients: another domain's server has no upstream, no server and no pages here")
	c.must(r.Identifier != c.Issuer && r.Identifier != c.Issuer+"/", "foreign_clients: this is our own issuer")
	for id, there := range r.Foreign {
		_, known := c.Client(id)
		c.must(known, "foreign_clients: there is no client %q", id)
		c.must(there != "" && len(there) <= maxURI && plainASCII(there), "foreign_clients: the id of %s there is not plain text", id)
	}
}
