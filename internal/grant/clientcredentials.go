package grant

import (
	"context"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/internal/issuer"
)

// clientCredentials gives a client a token for itself: RFC 6749 §4.4. There is no refresh token
// (§4.4.3), and no identity of a person.
func (g *Grants) clientCredentials(ctx context.Context, q *Request) (*Response, error) {
	if client.Public(q.Client) {
		return nil, symbolon.Refuse(symbolon.Denied, "unauthorized_client", "a public client cannot act for itself")
	}
	snapshot := g.Catalog.Current()
	r, err := g.only(q)
	if err != nil {
		return nil, err
	}
	wanted := []*symbolon.Resource{r}
	for _, inner := range g.inside(snapshot, q, r, nil) {
		wanted = append(wanted, inner.Resource)
	}
	asked, err := askScopes(q.Client, q.Scopes, wanted, mayHave(q.Client))
	if err != nil {
		return nil, err
	}
	for _, each := range wanted {
		if err := g.mayIssue(snapshot, q, each, ScopesAt(each, asked)); err != nil {
			return nil, err
		}
	}
	scopes := ScopesAt(r, asked)
	details, err := q.ownDetails(snapshot, r)
	if err != nil {
		return nil, err
	}
	issued, changes, err := g.Tokens.Issue(ctx, issuer.Mint{Client: q.Client, Resource: r, Scopes: scopes, Details: details, Holder: q.Holder,
		Embed: g.inside(snapshot, q, r, asked)})
	if err != nil {
		return nil, err
	}
	return answer(issued, r), g.commit(ctx, changes)
}

// only is the resource that a service names, or has by default; of several, the one that carries
// tokens for the others.
func (g *Grants) only(q *Request) (*symbolon.Resource, error) {
	resources, err := g.resources(g.Catalog.Current(), q.Client, q.Resources)
	switch {
	case err != nil:
		return nil, err
	case len(resources) == 0:
		return nil, invalidTarget("name the resource that the token is for (RFC 8707)")
	case slices.Contains(resources, g.userinfo):
		return nil, unavailableTarget()
	}
	return carrier(resources)
}
