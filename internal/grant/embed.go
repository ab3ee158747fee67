package grant

import (
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/issuer"
)

// carrier is the one of several resources whose tokens are declared to carry tokens for all the
// others: a token has one audience, and what else is named travels inside.
func carrier(resources []*symbolon.Resource) (*symbolon.Resource, error) {
	for _, outer := range resources {
		missing := slices.ContainsFunc(resources, func(r *symbolon.Resource) bool {
			return r.ID != outer.ID && !slices.Contains(outer.Token.Embed, r.ID)
		})
		if !missing {
			return outer, nil
		}
	}
	return nil, invalidTarget("a token has one audience: name one resource, or one that is declared to carry tokens for the others")
}

// inside lists the tokens that a request wants carried in the one for outer: for each other resource
// that it names, with what of the scopes means something there.
func (g *Grants) inside(s *catalog.Snapshot, q *Request, outer *symbolon.Resource, scopes []string) []issuer.Inner {
	var inner []issuer.Inner
	for _, identifier := range q.Resources {
		r, ok := g.byIdentifier(s, identifier)
		known := !ok || r.ID == outer.ID || slices.ContainsFunc(inner, func(one issuer.Inner) bool { return one.Resource.ID == r.ID })
		if !known {
			inner = append(inner, issuer.Inner{Resource: r, Scopes: ScopesAt(r, scopes)})
		}
	}
	return inner
}

// insideGiven are those that a person's authorization covers, with what of its scopes the request
// keeps and the client is still registered for.
func (g *Grants) insideGiven(q *Request, a *symbolon.Authorization, outer *symbolon.Resource, may func(scope string) bool) []issuer.Inner {
	scopes := slices.DeleteFunc(slices.Clone(a.Scopes), func(scope string) bool {
		return !may(scope) || len(q.Scopes) > 0 && !slices.Contains(q.Scopes, scope)
	})
	return slices.DeleteFunc(g.inside(g.Catalog.Current(), q, outer, scopes), func(one issuer.Inner) bool {
		return !slices.Contains(a.Resources, one.Resource.ID)
	})
}
