package issuer

import (
	"context"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Formats of access tokens, as [symbolon.TokenRule] names them.
const (
	FormatOpaque = "opaque"
	FormatJWT    = "jwt"
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
	Authorization *symbolon.Authorization // what a person gave; nil for a client that acts for itself
	User          *symbolon.User          // that person, where at hand
	From          *token.Claims           // of an exchange: the token whose subject and login are kept
	Actor         *token.Actor            // of an exchange: who acts for the subject
	NotAfter      time.Time               // a bound of the caller's, such as the end of the session; zero = none
	Lifetime      time.Duration           // shortens the resource's rule; 0 = that rule
	Format        string                  // overrides the resource's rule; "" = that rule
	Holder        *token.Confirmation     // what the one who asks has proven to hold; nil = nothing

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
// a JWT has none. The error is invalid_grant if what the token would hang on has ended.
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
	out := Issued{ID: symbolon.TokenID(claims.ID), Format: m.format(), Issued: now,
		Expires: claims.Expires, Scopes: claims.Scope, Claims: claims}
	if out.Format == FormatJWT {
		raw, err := i.signed(ctx, &m, claims)
		out.Raw = symbolon.NewSecret(raw)
		return out, nil, err
	}
	record, err := i.sealed(&out, claims)
	return out, []symbolon.Change{symbolon.IssueToken{Token: record}}, err
}

// format: a browser's session at an app is always opaque, as it lives long and leaves the house.
func (m *Mint) format() string {
	wanted := m.Format
	if wanted == "" {
		wanted = m.Resource.Token.Format
	}
	if wanted == FormatJWT && !m.browserSession() {
		return FormatJWT
	}
	return FormatOpaque
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
	rule, usual := time.Duration(m.Resource.Token.Lifetime), defaultLifetime
	if m.browserSession() {
		rule, usual = time.Duration(m.Resource.Token.Session), defaultSession
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
	return c
}

// inherit keeps what the subject token says of its subject and login (RFC 8693 §4).
func (m *Mint) inherit(c *token.Claims) {
	from := m.From
	c.Subject, c.Kind = from.Subject, from.Kind
	c.SessionID, c.Authorization = from.SessionID, from.Authorization
	c.ACR, c.AMR, c.AuthTime = from.ACR, from.AMR, from.AuthTime
	c.Extra = map[string]any{claimAncestors: lineage(from)}
}

// signed makes the JWT, with the claims that its resource asks for.
func (i *Issuer) signed(ctx context.Context, m *Mint, claims *token.Claims) (string, error) {
	if err := i.describe(ctx, claims, m.User, m.Resource.Token.Claims); err != nil {
		return "", err
	}
	alg := m.Resource.Token.Algorithm
	if alg == "" {
		alg = token.ES256
	}
	signer, err := i.Keys.Signer(alg)
	if err != nil {
		return "", err
	}
	return token.Sign(signer, token.TypeAccessToken, claims)
}

const purposeToken = "access token"

// sealed makes the opaque token. Its claims are bound to its hash, so that rows cannot be swapped.
func (i *Issuer) sealed(out *Issued, claims *token.Claims) (symbolon.Token, error) {
	out.Raw = token.NewOpaque(token.PrefixAccess)
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
