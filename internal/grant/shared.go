package grant

import (
	"context"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

// stands refuses what hangs on something that was taken back, or on a person who may no longer.
func (g *Grants) stands(ctx context.Context, a *symbolon.Authorization, issued time.Time) error {
	revoked, err := g.Tokens.Revoked(ctx, issued, string(a.ID), string(a.Session), string(a.User), string(a.Client))
	if err != nil {
		return err
	}
	if revoked {
		return over("it was revoked")
	}
	user, err := g.Tokens.User(ctx, a.User)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return over("the person is gone")
	case err == nil && user.Disabled:
		return over("the person is disabled")
	}
	return err
}

// mint makes an access token of an authorization. A scope that the client is no longer
// registered for is left out.
func (g *Grants) mint(ctx context.Context, q *Request, a *symbolon.Authorization, r *symbolon.Resource, scopes []string) (*Response, []symbolon.Change, error) {
	may := mayAsk(q.Client)
	scopes = slices.DeleteFunc(scopes, func(scope string) bool { return !may(scope) })
	details, err := q.detailsAt(g.Catalog.Current(), r, a.Details)
	if err != nil {
		return nil, nil, err
	}
	issued, changes, err := g.Tokens.Issue(ctx, issuer.Mint{
		Client: q.Client, Resource: r, Scopes: scopes, Details: details, Authorization: a, NotAfter: a.Expires, Holder: q.Holder,
		Embed: g.insideGiven(q, a, r, may),
	})
	if err != nil {
		return nil, nil, err
	}
	response := answer(issued, r)
	response.User, response.Session = a.User, a.Session
	return response, changes, nil
}

// replayed ends an authorization, once, because a code or refresh token of it was shown again
// (RFC 6749 §4.1.2, RFC 9700 §4.14.2), and refuses the request.
func (g *Grants) replayed(ctx context.Context, q *Request, a *symbolon.Authorization, cause string) error {
	now := g.Clock()
	changes := []symbolon.Change{
		symbolon.MarkOnce{Key: symbolon.HashOf("replayed " + string(a.ID)), Expires: a.Expires},
		symbolon.Event{
			ID: symbolon.NewEventID(), At: now, Type: symbolon.TokenReplayed, Actor: string(q.Client.ID), User: a.User,
			Session: a.Session, Client: a.Client, Authorization: a.ID, Reason: cause, RequestID: q.ID,
		},
	}
	by := issuer.Revoker{Actor: "system", Reason: cause, RequestID: q.ID}
	err := g.Store.Commit(ctx, append(changes, g.Tokens.AuthorizationRevocation(a, by)...)...)
	if err != nil && !symbolon.IsKind(err, symbolon.Conflict) {
		return err
	}
	return over(cause)
}

// over is the one answer to a code or refresh token that gives nothing, whatever the reason.
func over(cause string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_grant",
		"the code or refresh token is unknown, used, expired, revoked, or does not belong to this client and request").
		Because(symbolon.Errorf(symbolon.Invalid, "%s", cause))
}
