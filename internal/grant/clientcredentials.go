package grant

import (
	"context"

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
	scopes, err := askScopes(q.Client, q.Scopes, []*symbolon.Resource{r}, mayHave(q.Client))
	if err != nil {
		return nil, err
	}
	if err := g.mayIssue(snapshot, q, r, scopes); err != nil {
		return nil, err
	}
	details, err := q.ownDetails(snapshot, r)
	if err != nil {
		return nil, err
	}
	issued, changes, err := g.Tokens.Issue(ctx, issuer.Mint{Client: q.Client, Resource: r, Scopes: scopes, Details: details, Holder: q.Holder})
	if err != nil {
		return nil, err
	}
	return answer(issued, r), g.commit(ctx, changes)
}

// only is the one resource that a service names, or has by default.
func (g *Grants) only(q *Request) (*symbolon.Resource, error) {
	if len(q.Resources) > 1 {
		return nil, invalidTarget("a token has one audience: name one resource")
	}
	resources, err := g.resources(g.Catalog.Current(), q.Client, q.Resources)
	switch {
	case err != nil:
		return nil, err
	case len(resources) == 0:
		return nil, invalidTarget("name the resource that the token is for (RFC 8707)")
	case resources[0] == g.userinfo:
		return nil, unavailableTarget()
	}
	return resources[0], nil
}
