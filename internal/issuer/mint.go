package issuer

import (
	"cmp"
	"context"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

// Formats of access tokens, as [symbolon.TokenRule] names them.
const (
	FormatOpaque = "opaque"
	FormatJWT    = "jwt"
	FormatJWE    = "jwe" // a JWT, encrypted to the resource
)

const (
	defaultLifetime = 10 * time.Minute
	defaultSession  = 12 * time.Hour
	kindApp         = "app"
)

// Mint is an access token to be made. Who may have it has been decided.
type Mint struct {
	Client        *symbolon.Client        // who is given it
	Resource      *symbolon.Resource      // its one audience
	Scopes        []string                // what it carries
	Details       []symbolon.Detail       // likewise (RFC 9396)
	Authorization *symbolon.Authorization // what a person gave; nil for a client that acts for itself
	User          *symbolon.User          // that person, where at hand
	From          *token.Claims           // of an exchange: the token whose subject and login are kept
	Actor         *token.Actor            // of an exchange: who acts for the subject
	NotAfter      time.Time               // a bound of the caller's, such as the end of the session; zero = none
	Lifetime      time.Duration           // shortens the resource's rule; 0 = that rule
	Format        string                  // overrides the resource's rule; "" = that rule
	Holder        *token.Confirmation     // what the one who asks has proven to hold; nil = nothing

	Embed       []Inner       // tokens to carry inside
	ActorToken  *token.Claims // of an exchange: what shows who acts; the new token dies with it
	Transaction string        // of an exchange: what the token is bound to

	swap bool // a broker's exchange for what it shows an upstream
}

// Issued is a token that has been made.
type Issued struct {
	Raw     symbolon.Secret
	ID      symbolon.TokenID
	Format  string
	Issued  time.Time
	Expires time.Time // whole seconds
	Scopes  []string
	Claims  *token.Claims // what it says, to be read only
}

// Issue makes an access token. The caller commits the changes before it gives the token away;
// a JWT has them only for status lists. The error is invalid_grant if what the token would hang on has ended.
func (i *Issuer) Issue(ctx context.Context, m Mint) (Issued, []symbolon.Change, error) {
	now := i.Clock()
	claims := m.claims(i.Issuer, now)
	var err error
	if claims.Confirmation, err = m.confirmation(); err != nil {
		return Issued{}, nil, err
	}
	if !now.Before(claims.Expires) {
		return Issued{}, nil, symbolon.Refuse(symbolon.Invalid, "invalid_grant", "what the token would hang on has ended")
	}
	rule := m.rule()
	if err := i.ask(ctx, &m, &rule, claims); err != nil {
		return Issued{}, nil, err
	}
	changes, err := i.embed(ctx, &m, &rule, claims, now)
	if err != nil {
		return Issued{}, nil, err
	}
	out := Issued{ID: symbolon.TokenID(claims.ID), Format: m.format(&rule), Issued: now,
		Expires: claims.Expires, Scopes: claims.Scope, Claims: claims}
	if out.Format != FormatOpaque {
		listed, err := i.enlist(&rule, claims)
		if err != nil {
			return Issued{}, nil, err
		}
		changes = append(changes, listed...)
	}
	switch out.Format {
	case FormatJWT:
		raw, err := i.signed(ctx, &m, &rule, claims)
		out.Raw = symbolon.NewSecret(raw)
		return out, changes, err
	case FormatJWE:
		return i.wrapped(ctx, &m, &rule, out, changes)
	}
	out.Raw = token.NewOpaque(token.PrefixAccess)
	record, err := i.sealed(&out, claims)
	return out, append(changes, symbolon.IssueToken{Token: record}), err
}

// browserSession: a broker that logs a person in to an app it fronts keeps the token in a cookie.
func (m *Mint) browserSession() bool {
	return m.Client.Broker && m.Resource.Kind == kindApp && m.Authorization != nil && m.From == nil
}

// expires is the soonest of all ends, cut to the second that a token can say.
func (m *Mint) expires(now time.Time) time.Time {
	end := now.Add(m.lifetime())
	bounds := []time.Time{m.NotAfter}
	if m.Authorization != nil {
		bounds = append(bounds, m.Authorization.Expires)
	}
	if m.From != nil {
		bounds = append(bounds, m.From.Expires)
	}
	for _, bound := range bounds {
		if !bound.IsZero() && bound.Before(end) {
			end = bound
		}
	}
	return end.Truncate(time.Second)
}

func (m *Mint) lifetime() time.Duration {
	own := m.rule()
	rule, usual := time.Duration(own.Lifetime), defaultLifetime
	if m.browserSession() {
		rule, usual = time.Duration(own.Session), defaultSession
	}
	if rule <= 0 {
		rule = usual
	}
	if m.Lifetime > 0 {
		rule = min(rule, m.Lifetime)
	}
	return rule
}

// claims are those that every token has, whatever its format (RFC 9068 §2.2, RFC 7662 §2.2).
func (m *Mint) claims(issuer string, now time.Time) *token.Claims {
	c := &token.Claims{
		Issuer: issuer, Audience: []string{m.Resource.Identifier}, ClientID: string(m.Client.ID),
		ID: string(symbolon.NewTokenID()), IssuedAt: now.Truncate(time.Second), Expires: m.expires(now),
		Scope: m.Scopes, Actor: m.Actor,
	}
	if m.Resource.Token.MayAct != "" {
		setExtra(c, claimMayAct, map[string]any{"sub": string(m.Resource.Token.MayAct)})
	}
	switch {
	case m.From != nil:
		m.inherit(c)
	case m.Authorization != nil:
		a := m.Authorization
		c.Subject, c.Kind = string(a.User), token.KindUser
		c.SessionID, c.Authorization = string(a.Session), string(a.ID)
		c.ACR, c.AMR, c.AuthTime = string(a.ACR), a.AMR, a.AuthTime
	default:
		c.Subject, c.Kind = string(m.Client.ID), token.KindService
	}
	m.agreed(c)
	return c
}

// inherit keeps what the subject token says of its subject and login (RFC 8693 §4).
func (m *Mint) inherit(c *token.Claims) {
	from := m.From
	c.Subject, c.Kind = from.Subject, from.Kind
	c.SessionID, c.Authorization = from.SessionID, from.Authorization
	c.ACR, c.AMR, c.AuthTime = from.ACR, from.AMR, from.AuthTime
	setExtra(c, claimAncestors, lineage(from))
	if m.ActorToken != nil {
		c.Extra[claimAncestors] = hangsOn(from, m.ActorToken)
	}
	if held, ok := from.Extra[claimTransaction].(string); ok {
		c.Extra[claimTransaction] = held // what was bound once stays bound
	} else if m.Transaction != "" {
		c.Extra[claimTransaction] = m.Transaction
	}
}

// signed makes the JWT, with the claims that its resource asks for.
func (i *Issuer) signed(ctx context.Context, m *Mint, rule *symbolon.TokenRule, claims *token.Claims) (string, error) {
	told := *claims
	if err := i.tell(ctx, &told, audience{m.Resource, m.Client, *rule, m.User, true}); err != nil {
		return "", err
	}
	told.Extra = without(told.Extra, claimHook)
	shown, err := i.disguise(&told, catalog.SectorOf(m.Resource), true)
	if err != nil {
		return "", err
	}
	signer, err := i.Keys.Signer(cmp.Or(rule.Algorithm, token.ES256))
	if err != nil {
		return "", err
	}
	return token.Sign(signer, token.TypeAccessToken, shown)
}

// wrapped makes the JWE. What cannot be read by who presents it is found by its hash, as an opaque
// token is, so it can be introspected and taken back.
func (i *Issuer) wrapped(ctx context.Context, m *Mint, rule *symbolon.TokenRule, out Issued, changes []symbolon.Change) (Issued, []symbolon.Change, error) {
	to, err := token.NewRecipient(rule.Encryption)
	if err != nil {
		return out, nil, err
	}
	inner, err := i.signed(ctx, m, rule, out.Claims)
	if err != nil {
		return out, nil, err
	}
	raw, err := to.Wrap(inner)
	if err != nil {
		return out, nil, err
	}
	out.Raw = symbolon.NewSecret(raw)
	record, err := i.sealed(&out, out.Claims)
	return out, append(changes, symbolon.IssueToken{Token: record}), err
}

const purposeToken = "access token"

// sealed makes the record of a token that is found by its hash. Its claims are bound to that, so
// that rows cannot be swapped.
func (i *Issuer) sealed(out *Issued, claims *token.Claims) (symbolon.Token, error) {
	hash := out.Raw.Hash()
	plain, err := claims.MarshalJSON()
	record := symbolon.Token{
		Hash: hash, ID: out.ID, Kind: symbolon.AccessToken,
		Authorization: symbolon.AuthorizationID(claims.Authorization), Session: symbolon.SessionID(claims.SessionID),
		Client: symbolon.ClientID(claims.ClientID), Issued: out.Issued, Expires: out.Expires,
		Data: i.Vault.Seal(purposeToken, plain, hash[:]),
	}
	if claims.Kind == token.KindUser {
		record.User = symbolon.UserID(claims.Subject)
	}
	return record, err
}
