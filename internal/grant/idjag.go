package grant

import (
	"context"
	"net/url"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/token"
)

// Identity assertion JWT authorization grants (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant):
// a client that somebody logged in to gets an assertion for the authorization server of another
// domain, and a token there. Here is the side that issues; the JWT bearer grant accepts. Both exist
// only where the draft is enabled by its name.
const (
	DraftJAG    = "id-jag"
	TypeJAG     = "urn:ietf:params:oauth:token-type:id-jag"
	TypeOfJAG   = "oauth-id-jag+jwt" // its typ
	typeIDToken = "urn:ietf:params:oauth:token-type:id_token"
	jagLife     = 5 * time.Minute
)

// Drafts lists the names of drafts that can be enabled.
func Drafts() []string { return []string{DraftJAG} }

// Draft reports whether a draft is enabled.
func (g *Grants) Draft(name string) bool { return slices.Contains(g.Enabled, name) }

// chain answers an exchange that asks for an ID-JAG.
func (g *Grants) chain(ctx context.Context, q *Request) (*Response, error) {
	target, err := g.chainable(q)
	if err != nil {
		return nil, err
	}
	subject, user, err := g.chained(ctx, q)
	if err != nil {
		return nil, err
	}
	scopes, err := askScopes(q.Client, q.Scopes, []*symbolon.Resource{target}, mayAsk(q.Client))
	if err != nil {
		return nil, err
	}
	groups := make([]string, len(user.Groups))
	for i, group := range user.Groups {
		groups[i] = string(group)
	}
	about := subjectOf{token.KindUser, subject.Subject, groups, symbolon.ACR(subject.ACR).Level()}
	if err := g.mayAssert(g.Catalog.Current(), q, about, target, scopes); err != nil {
		return nil, err
	}
	return g.mintJAG(ctx, q, subject, target, scopes)
}

// chainable checks the request, and finds the other domain's server.
func (g *Grants) chainable(q *Request) (*symbolon.Resource, error) {
	invalid := func(message string) error { return symbolon.Refuse(symbolon.Invalid, "invalid_request", "%s", message) }
	switch {
	case !g.Draft(DraftJAG):
		return nil, invalid("requested_token_type must be an access token or a JWT")
	case client.Public(q.Client):
		return nil, symbolon.Refuse(symbolon.Denied, "unauthorized_client", "a public client cannot act in other domains")
	case q.SubjectToken == "" || q.SubjectTokenType != typeIDToken:
		return nil, invalid("an ID-JAG is made of an ID token: subject_token, and subject_token_type " + typeIDToken)
	case q.ActorToken != "" || q.ActorTokenType != "":
		return nil, invalid("actor_token is not taken for an ID-JAG")
	case len(q.Audiences) != 1:
		return nil, invalid("audience must be the issuer URL of one authorization server")
	case len(q.Resources) > 1 || len(q.Resources) == 1 && !foreignResource(q.Resources[0]):
		return nil, invalidTarget("resource must be one absolute https URI without a fragment")
	}
	target, ok := g.Catalog.Current().ByIdentifier(q.Audiences[0])
	if !ok || target.Foreign[q.Client.ID] == "" {
		return nil, unavailableTarget()
	}
	return target, nil
}

func foreignResource(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.Fragment == "" && len(uri) <= 2000
}

// chained believes the ID token: ours, for this client, in time, of a login that still stands.
func (g *Grants) chained(ctx context.Context, q *Request) (*token.Claims, *symbolon.User, error) {
	bad := func(cause string) error {
		return symbolon.Refuse(symbolon.Invalid, "invalid_grant", "the subject token is no ID token for this client, or it is over").
			Because(symbolon.Errorf(symbolon.Invalid, "%s", cause))
	}
	claims, err := g.ownIDToken(q.SubjectToken, q.Client)
	if err != nil {
		return nil, nil, bad(err.Error())
	}
	if !g.Clock().Before(claims.Expires) {
		return nil, nil, bad("it has expired")
	}
	revoked, err := g.Tokens.Revoked(ctx, claims.IssuedAt, claims.SessionID, claims.Subject, string(q.Client.ID))
	switch {
	case err != nil:
		return nil, nil, err
	case revoked:
		return nil, nil, bad("its login was ended")
	}
	user, err := g.Tokens.User(ctx, symbolon.UserID(claims.Subject))
	if symbolon.IsKind(err, symbolon.NotFound) || err == nil && user.Disabled {
		return nil, nil, bad("its person has no account any more")
	}
	return claims, user, err
}

// mintJAG makes the assertion. It is no access token, so its type is N_A (RFC 8693 §2.2.1).
func (g *Grants) mintJAG(ctx context.Context, q *Request, subject *token.Claims, target *symbolon.Resource, scopes []string) (*Response, error) {
	signer, err := g.Tokens.Keys.Signer(token.ES256)
	if err != nil {
		return nil, err
	}
	now, id := g.Clock(), symbolon.NewTokenID()
	claims := &token.Claims{
		Issuer: g.Issuer, Subject: subject.Subject, Audience: []string{target.Identifier}, ClientID: target.Foreign[q.Client.ID],
		ID: string(id), IssuedAt: now.Truncate(time.Second), Expires: now.Add(jagLife).Truncate(time.Second), Scope: scopes,
		ACR: subject.ACR, AMR: subject.AMR, AuthTime: subject.AuthTime,
	}
	if len(q.Resources) == 1 {
		claims.Extra = map[string]any{"resource": q.Resources[0]}
	}
	signed, err := token.Sign(signer, TypeOfJAG, claims)
	if err != nil {
		return nil, err
	}
	response := &Response{
		AccessToken: symbolon.NewSecret(signed), IssuedTokenType: TypeJAG, TokenType: "N_A", Scopes: scopes,
		ExpiresIn: int64(jagLife / time.Second), User: symbolon.UserID(subject.Subject),
		Session: symbolon.SessionID(subject.SessionID), Resource: target.ID,
	}
	return response, g.Store.Commit(ctx, symbolon.Event{
		ID: symbolon.NewEventID(), At: now, Type: symbolon.AuthorizationGranted, Actor: string(q.Client.ID), User: response.User,
		Session: response.Session, Client: q.Client.ID, Resource: target.ID, Token: id, RequestID: q.ID,
		Data: map[string]any{"scopes": scopes, "grant": DraftJAG},
	})
}
