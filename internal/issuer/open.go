package issuer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// opened is an authentic token: what it says, and what it hangs on. It never changes.
type opened struct {
	claims  *token.Claims
	issued  time.Time // as exact as is known: a JWT tells seconds
	user    symbolon.UserID
	targets []string // ids whose revocation kills it
	key     string   // of a JWT: the kid and alg of its signature
	alg     string
}

func unbelieved(message string) *symbolon.Error {
	return symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "%s", message)
}

var errRevoked = errors.New("something that it hangs on has been revoked")

// Open believes an access token of ours, opaque or JWT, or says why not: an error of kind
// Unauthenticated with code invalid_token (RFC 6750 §3.1), or Unavailable if the store is down.
// The claims are shared; do not modify them. A cnf in them is the caller's to check.
func (i *Issuer) Open(ctx context.Context, raw string) (*token.Claims, error) {
	o, err := i.open(ctx, raw)
	if err != nil {
		return nil, err
	}
	return o.claims, nil
}

func (i *Issuer) open(ctx context.Context, raw string) (*opened, error) {
	o, err := i.read(ctx, raw)
	if err != nil {
		return nil, err
	}
	if err := i.live(ctx, o); err != nil {
		return nil, err
	}
	return o, nil
}

// read finds out what a token says, if it is authentic.
func (i *Issuer) read(ctx context.Context, raw string) (*opened, error) {
	if len(raw) > token.DefaultMaxSize {
		return nil, unbelieved("the token is too long")
	}
	if strings.HasPrefix(raw, token.PrefixAccess) {
		if prefix, ok := token.CheckOpaque(raw); !ok || prefix != token.PrefixAccess {
			return nil, unbelieved("the token is malformed")
		}
		return i.readRecord(ctx, raw)
	}
	if token.LooksEncrypted(raw) {
		return i.readRecord(ctx, raw)
	}
	return i.readJWT(raw)
}

// readRecord finds what a token that is a reference stands for.
func (i *Issuer) readRecord(ctx context.Context, raw string) (*opened, error) {
	hash := symbolon.HashOf(raw)
	if known, ok := i.opened.GetIfPresent(hash); ok {
		return known, nil
	}
	record, err := i.Store.Token(ctx, hash)
	if err != nil {
		return nil, unknownToken(err)
	}
	o, err := i.unseal(record)
	if err == nil {
		i.opened.Set(hash, o)
	}
	return o, err
}

// unknownToken keeps "there is none" apart from "nobody can tell".
func unknownToken(err error) error {
	if isNotFound(err) {
		return unbelieved("the token is unknown")
	}
	return err
}

func isNotFound(err error) bool { return symbolon.IsKind(err, symbolon.NotFound) }

func (i *Issuer) unseal(record *symbolon.Token) (*opened, error) {
	if record.Kind != symbolon.AccessToken {
		return nil, unbelieved("the token is not an access token")
	}
	plain, err := i.Vault.Open(purposeToken, record.Data, record.Hash[:])
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "the token cannot be opened").Because(err)
	}
	claims := new(token.Claims)
	if err := claims.UnmarshalJSON(plain); err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "the token cannot be read").Because(err)
	}
	if claims.ID != string(record.ID) || claims.Issuer != i.Issuer {
		return nil, unbelieved("the token is not what it was issued as")
	}
	return hung(claims, record.Issued), nil
}

// live asks whether an authentic token is believed at this moment.
func (i *Issuer) live(ctx context.Context, o *opened) error {
	if !i.Clock().Before(o.claims.Expires) {
		return unbelieved("the token has expired")
	}
	revoked, err := i.Revoked(ctx, o.issued, o.targets...)
	if err != nil {
		return err
	}
	if revoked {
		return unbelieved("the token has been revoked").Because(errRevoked)
	}
	if err := i.clientsStand(o); err != nil {
		return err
	}
	if err := i.actorsStand(ctx, o.claims); err != nil {
		return err
	}
	return i.personStands(ctx, o.user)
}

// clientsStand: the client and every actor are still registered and enabled; so is a service
// that is the subject itself.
func (i *Issuer) clientsStand(o *opened) error {
	snapshot := i.Catalog.Current()
	stands := func(id string) bool {
		c, ok := snapshot.Client(symbolon.ClientID(id))
		return ok && !c.Disabled
	}
	ok := stands(o.claims.ClientID) && (o.user != "" || stands(o.claims.Subject))
	for actor := o.claims.Actor; ok && actor != nil; actor = actor.Actor {
		ok = strings.HasPrefix(actor.Subject, prefixUser) || stands(actor.Subject)
	}
	if !ok {
		return unbelieved("a client that the token depends on is not enabled")
	}
	return nil
}

func (i *Issuer) personStands(ctx context.Context, id symbolon.UserID) error {
	if id == "" {
		return nil
	}
	user, err := i.User(ctx, id)
	switch {
	case isNotFound(err), err == nil && user.Disabled:
		return unbelieved("the person of the token has no account any more")
	}
	return err
}

// hung lists what a token hangs on.
func hung(c *token.Claims, issued time.Time) *opened {
	o := &opened{claims: c, issued: issued}
	on := func(ids ...string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(o.targets, id) {
				o.targets = append(o.targets, id)
			}
		}
	}
	on(c.ID, c.Authorization, c.SessionID, c.Subject, c.ClientID)
	on(c.Actor.Chain()...)
	on(ancestors(c)...)
	if c.Kind == token.KindUser {
		o.user = symbolon.UserID(c.Subject)
	}
	return o
}
