package issuer

import (
	"context"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Revoker says who takes something back, and why, for the audit log.
type Revoker struct {
	Actor     string // user or client id
	Reason    string
	RequestID string
}

// RevokePresented is RFC 7009: an authenticated client gives a token back. A refresh token ends
// the whole authorization, an access token only itself (§2.1). A token that is unknown or over
// already is no error (§2.2); one of another client is invalid_grant, and stays.
func (i *Issuer) RevokePresented(ctx context.Context, caller *symbolon.Client, raw, requestID string) error {
	by := Revoker{Actor: string(caller.ID), Reason: "given back by the client", RequestID: requestID}
	if strings.HasPrefix(raw, token.PrefixRefresh) {
		return i.revokeRefresh(ctx, caller, raw, by)
	}
	o, err := i.read(ctx, raw)
	if err != nil {
		return unlessUnbelieved(err)
	}
	if o.claims.ClientID != string(caller.ID) {
		return notYours()
	}
	return i.RevokeToken(ctx, o.claims, by)
}

func notYours() error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_grant", "the token was issued to another client")
}

func (i *Issuer) revokeRefresh(ctx context.Context, caller *symbolon.Client, raw string, by Revoker) error {
	if _, ok := token.CheckOpaque(raw); !ok {
		return nil
	}
	record, err := i.Store.Token(ctx, symbolon.HashOf(raw))
	if err != nil {
		return gone(err)
	}
	if record.Client != caller.ID {
		return notYours()
	}
	return gone(i.RevokeAuthorization(ctx, record.Authorization, by))
}

// RevokeToken takes one access token back, and every token exchanged from it. To do it twice
// is no error and leaves no second event.
func (i *Issuer) RevokeToken(ctx context.Context, c *token.Claims, by Revoker) error {
	now := i.Clock()
	if done, err := i.Revoked(ctx, now, c.ID); done || err != nil || !now.Before(c.Expires) {
		return err
	}
	event := by.event(symbolon.TokenRevoked, now)
	event.Token, event.Client = symbolon.TokenID(c.ID), symbolon.ClientID(c.ClientID)
	event.Session, event.Authorization = symbolon.SessionID(c.SessionID), symbolon.AuthorizationID(c.Authorization)
	if c.Kind == token.KindUser {
		event.User = symbolon.UserID(c.Subject)
	}
	if target, ok := audienceOf(i.Catalog.Current(), c); ok {
		event.Resource = target.ID
	}
	mark := symbolon.Revocation{Target: c.ID, Until: c.Expires}
	return i.Store.Commit(ctx, symbolon.Revoke{Revocation: mark}, event)
}

// RevokeAuthorization takes back what a person gave a client, with every token that hangs on it.
// The error is of kind NotFound if there is none such.
func (i *Issuer) RevokeAuthorization(ctx context.Context, id symbolon.AuthorizationID, by Revoker) error {
	given, err := i.Store.Authorization(ctx, id)
	if err != nil {
		return err
	}
	if done, err := i.Revoked(ctx, i.Clock(), string(id)); done || err != nil {
		return err
	}
	return i.Store.Commit(ctx, i.AuthorizationRevocation(given, by)...)
}

// AuthorizationRevocation is the mark and the news of it, for a caller that commits more with them.
func (i *Issuer) AuthorizationRevocation(given *symbolon.Authorization, by Revoker) []symbolon.Change {
	event := by.event(symbolon.AuthorizationRevoked, i.Clock())
	event.User, event.Client = given.User, given.Client
	event.Session, event.Authorization = given.Session, given.ID
	mark := symbolon.Revocation{Target: string(given.ID), Until: given.Expires}
	return []symbolon.Change{symbolon.Revoke{Revocation: mark}, event}
}

func (by Revoker) event(kind symbolon.EventType, now time.Time) symbolon.Event {
	return symbolon.Event{ID: symbolon.NewEventID(), At: now, Type: kind,
		Actor: by.Actor, Reason: by.Reason, RequestID: by.RequestID}
}
