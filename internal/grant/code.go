package grant

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/profile"
	"symbolon.dev/token"
)

const (
	codeLife     = time.Minute
	offlineLife  = 30 * 24 * time.Hour // the absolute end of an authorization with offline_access
	sealCode     = "grant/code"
	refreshIdle  = 14 * 24 * time.Hour // an unused refresh token is forgotten
	refreshGrace = 10 * time.Second
)

// Consented is what a person agreed to at the authorization endpoint.
type Consented struct {
	Client      symbolon.ClientID     `json:"client"`
	RedirectURI string                `json:"redirect_uri"`        // that the code goes to
	Named       bool                  `json:"named,omitempty"`     // the request named it
	Challenge   string                `json:"challenge,omitempty"` // S256; "" where the nonce stands in
	Nonce       string                `json:"nonce,omitempty"`     // OIDC Core §3.1.2.1
	DPoPJKT     string                `json:"dpop_jkt,omitempty"`  // thumbprint of the one key that may redeem the code (RFC 9449 §10)
	Scopes      []string              `json:"scopes,omitempty"`
	Resources   []symbolon.ResourceID `json:"resources"`
	Details     []symbolon.Detail     `json:"details,omitempty"`
	IDToken     []string              `json:"id_token,omitempty"` // claims that were asked for by name
	Userinfo    []string              `json:"userinfo,omitempty"`
	Pushed      *symbolon.Hash        `json:"-"` // the ticket of a pushed request, which this uses up
	Session     *symbolon.Session     `json:"-"` // that it happened in
}

// pending is a code that waits to be redeemed: what was agreed to, in which login, and the
// authorization that it will give.
type pending struct {
	Consented
	SessionID  symbolon.SessionID       `json:"session"`
	SessionEnd time.Time                `json:"session_end"`
	User       symbolon.UserID          `json:"user"`
	ACR        symbolon.ACR             `json:"acr"`
	AMR        []string                 `json:"amr"`
	AuthTime   time.Time                `json:"auth_time"`
	Issued     time.Time                `json:"issued"`
	Gives      symbolon.AuthorizationID `json:"gives"`
}

// IssueCode makes an authorization code of a minute (RFC 6749 §4.1.2). What it will give has its
// name already, so that a replay knows what to end, whoever comes first. The row is kept as long
// as the session could last, and so is the memory of its use.
func (g *Grants) IssueCode(ctx context.Context, c Consented) (symbolon.Secret, error) {
	raw, s := token.NewOpaque(token.PrefixCode), c.Session
	p := pending{
		Consented: c, SessionID: s.ID, SessionEnd: s.Expires, User: s.User, ACR: s.ACR, AMR: s.AMR, AuthTime: s.AuthTime,
		Issued: g.Clock(), Gives: symbolon.NewAuthorizationID(),
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return symbolon.Secret{}, err
	}
	hash := raw.Hash()
	ticket := symbolon.Ticket{
		Hash: hash, Kind: symbolon.CodeTicket, User: s.User, Authorization: p.Gives,
		Expires: s.Expires, Data: g.Vault.Seal(sealCode, plain, hash[:]),
	}
	changes := []symbolon.Change{symbolon.IssueTicket{Ticket: ticket}}
	if c.Pushed != nil {
		changes = append(changes, symbolon.UseTicket{Hash: *c.Pushed, Kind: symbolon.PushedTicket, At: p.Issued, Authorization: p.Gives})
	}
	err = g.Store.Commit(ctx, changes...)
	if c.Pushed != nil && (symbolon.IsKind(err, symbolon.Conflict) || symbolon.IsKind(err, symbolon.NotFound)) {
		return symbolon.Secret{}, noPushed("it was used meanwhile")
	}
	return raw, err
}

// code redeems an authorization code: RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2.
func (g *Grants) code(ctx context.Context, q *Request) (*Response, error) {
	if q.Code == "" {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the parameter code is missing")
	}
	c, err := g.openCode(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := c.holds(q, g.Clock()); err != nil {
		return nil, err
	}
	if err := g.sessionLives(ctx, c); err != nil {
		return nil, err
	}
	response, changes, err := g.first(ctx, q, c)
	if err != nil {
		return nil, err
	}
	err = g.commit(ctx, changes)
	if symbolon.IsKind(err, symbolon.Conflict) {
		return nil, g.replayed(ctx, q, c.authorization(), "the code was used before")
	}
	return response, err
}

// openCode finds a code and what it stands for, if it was made for this client. One that was
// used before ends what it gave.
func (g *Grants) openCode(ctx context.Context, q *Request) (*pending, error) {
	if prefix, ok := token.CheckOpaque(q.Code); !ok || prefix != token.PrefixCode {
		return nil, over("it is not a code of ours")
	}
	hash := symbolon.HashOf(q.Code)
	ticket, err := g.Store.Ticket(ctx, hash)
	switch {
	case symbolon.IsKind(err, symbolon.NotFound):
		return nil, over("it is unknown")
	case err != nil:
		return nil, err
	case ticket.Kind != symbolon.CodeTicket:
		return nil, over("it is a ticket of another kind")
	}
	plain, err := g.Vault.Open(sealCode, ticket.Data, hash[:])
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "a stored code cannot be opened").Because(err)
	}
	c := new(pending)
	if err := json.Unmarshal(plain, c); err != nil {
		return nil, err
	}
	if c.Client != q.Client.ID {
		return nil, over("it was issued to " + string(c.Client))
	}
	if !ticket.Used.IsZero() {
		return nil, g.replayed(ctx, q, c.authorization(), "the code was used before")
	}
	return c, nil
}

// holds checks the request against the authorization request that it completes.
func (c *pending) holds(q *Request, now time.Time) error {
	switch {
	case !now.Before(c.Issued.Add(lifeOf(q.Client))):
		return over("it has expired")
	case q.RedirectURI != c.RedirectURI && (c.Named || q.RedirectURI != ""):
		return over("redirect_uri is not that of the authorization request")
	case !verifies(c.Challenge, q.Verifier):
		return over("code_verifier does not fit the code_challenge")
	case c.DPoPJKT != "" && c.DPoPJKT != q.key():
		return over("the proof is not of the key that dpop_jkt named")
	}
	return nil
}

// lifeOf the client's codes is the usual one, or less by its profile.
func lifeOf(c *symbolon.Client) time.Duration {
	if limit := profile.Of(c).CodeLife; limit > 0 {
		return min(limit, codeLife)
	}
	return codeLife
}

// sessionLives refuses what a person, or an administrator, has ended since.
func (g *Grants) sessionLives(ctx context.Context, c *pending) error {
	s, err := g.Store.Session(ctx, c.SessionID)
	if symbolon.IsKind(err, symbolon.NotFound) || err == nil && !s.Live(g.Clock()) {
		return over("its session has ended")
	}
	if err != nil {
		return err
	}
	return g.stands(ctx, c.authorization(), c.Issued)
}

// first is the first use of a code: what it gives, and the changes that make it so.
func (g *Grants) first(ctx context.Context, q *Request, c *pending) (*Response, []symbolon.Change, error) {
	a := c.authorization()
	r, err := g.oneOf(g.Catalog.Current(), a.Resources, q.Resources)
	if err != nil {
		return nil, nil, err
	}
	response, changes, err := g.give(ctx, q, a, r, c.Nonce, c.IDToken...)
	if err != nil {
		return nil, nil, err
	}
	use := symbolon.UseTicket{Hash: symbolon.HashOf(q.Code), Kind: symbolon.CodeTicket, At: g.Clock(), Authorization: a.ID}
	return response, append(changes, use, granted(q, c, a, r, g.Clock())), nil
}

// give mints all that a new authorization gives: an access token, a refresh token if the client
// is registered for it, an ID token if openid was granted, with the claims that were asked for by
// name; and records the authorization.
func (g *Grants) give(ctx context.Context, q *Request, a *symbolon.Authorization, r *symbolon.Resource, nonce string, claims ...string) (*Response, []symbolon.Change, error) {
	response, changes, err := g.mint(ctx, q, a, r, ScopesAt(r, a.Scopes))
	if err != nil {
		return nil, nil, err
	}
	if Registered(q.Client, TypeRefresh) {
		row, raw, err := g.newRefresh(q, a)
		if err != nil {
			return nil, nil, err
		}
		response.RefreshToken = raw
		changes = append(changes, symbolon.IssueToken{Token: row})
	}
	if slices.Contains(a.Scopes, ScopeOpenID) {
		if response.IDToken, err = g.idToken(ctx, issuer.IDToken{
			Client: q.Client, Authorization: a, Nonce: nonce, AccessToken: response.AccessToken,
		}, claims); err != nil {
			return nil, nil, err
		}
	}
	return response, append(changes, symbolon.PutAuthorization{Authorization: *a}), nil
}

// idToken adds the claims about the person that were asked for by name (OpenID Connect Core 1.0 §5.5).
func (g *Grants) idToken(ctx context.Context, t issuer.IDToken, claims []string) (string, error) {
	if len(claims) > 0 {
		user, err := g.Tokens.User(ctx, t.Authorization.User)
		if err != nil {
			return "", err
		}
		t.Claims = issuer.ClaimsNamed(user, claims)
	}
	return g.Tokens.IDToken(t)
}

// authorization is what the code stands for. It lasts as long as the session, or longer if the
// person allowed offline access.
func (c *pending) authorization() *symbolon.Authorization {
	a := &symbolon.Authorization{
		ID: c.Gives, User: c.User, Client: c.Client, Session: c.SessionID, Resources: c.Resources, Scopes: c.Scopes,
		ACR: c.ACR, AMR: c.AMR, AuthTime: c.AuthTime, Created: c.Issued, Expires: c.SessionEnd,
		Details: c.Details, Userinfo: c.Userinfo,
	}
	if slices.Contains(c.Scopes, ScopeOffline) {
		a.Expires = c.Issued.Add(offlineLife)
	}
	return a
}

func granted(q *Request, c *pending, a *symbolon.Authorization, r *symbolon.Resource, now time.Time) symbolon.Event {
	proof := "S256"
	if c.Challenge == "" {
		proof = "nonce"
	}
	return symbolon.Event{
		ID: symbolon.NewEventID(), At: now, Type: symbolon.AuthorizationGranted, Actor: string(a.User), User: a.User,
		Session: a.Session, Client: a.Client, Resource: r.ID, Authorization: a.ID, RequestID: q.ID,
		Data: map[string]any{"scopes": a.Scopes, "pkce": proof},
	}
}
