package issuer

import (
	"context"
	"encoding/json"
	"errors"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// MediaTypeIntrospectionJWT is what a caller accepts to get the answer signed (RFC 9701 §4).
const MediaTypeIntrospectionJWT = "application/token-introspection+jwt"

// Introspection is what one caller may know of one token. The zero value says that there is none.
type Introspection struct {
	Active bool
	Claims token.Claims // only if Active
}

// Introspect tells an authenticated client about a token (RFC 7662). Expired, revoked, unknown,
// malformed or not for this caller to know: all are inactive and nothing more. An error means
// that nobody can tell now.
func (i *Issuer) Introspect(ctx context.Context, caller *symbolon.Client, raw string) (Introspection, error) {
	o, err := i.open(ctx, raw)
	if err != nil {
		return Introspection{}, unlessUnbelieved(err)
	}
	snapshot := i.Catalog.Current()
	target, ok := audienceOf(snapshot, o.claims)
	if !ok || !i.mayIntrospect(snapshot, caller, target, o.claims) {
		return Introspection{}, nil
	}
	return i.told(ctx, caller, target, o.claims)
}

// told is what a caller learns of a live token for a target. Brokers judge by who a person is, so
// they learn the real ids; any other learns those of the target's sector.
func (i *Issuer) told(ctx context.Context, caller *symbolon.Client, target *symbolon.Resource, claims *token.Claims) (Introspection, error) {
	holder, ok := i.Catalog.Current().Client(symbolon.ClientID(claims.ClientID))
	if !ok {
		return Introspection{}, nil
	}
	known := *claims
	if err := i.tell(ctx, &known, audience{resource: target, client: holder, rule: Rule(holder, target)}); err != nil {
		return Introspection{}, gone(err)
	}
	known.Extra = without(known.Extra, claimHook)
	i.ownInner(caller, &known)
	if caller.Broker {
		err := i.describe(ctx, &known, nil, brokerFields)
		return Introspection{Active: err == nil, Claims: known}, gone(err)
	}
	shown, err := i.disguise(&known, catalog.SectorOf(target), false)
	if err != nil {
		return Introspection{}, err
	}
	return Introspection{Active: true, Claims: *shown}, nil
}

// gone: a person who was deleted between two looks leaves an inactive token, not an error.
func gone(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

func unlessUnbelieved(err error) error {
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Unauthenticated {
		return nil
	}
	return err
}

// audienceOf finds the resource that a token is for. One for several, or for none that exists,
// is for nobody.
func audienceOf(snapshot *catalog.Snapshot, c *token.Claims) (*symbolon.Resource, bool) {
	if len(c.Audience) != 1 {
		return nil, false
	}
	return snapshot.ByIdentifier(c.Audience[0])
}

func (i *Issuer) mayIntrospect(snapshot *catalog.Snapshot, caller *symbolon.Client, target *symbolon.Resource, c *token.Claims) bool {
	question := policy.Request{
		Principal: snapshot.ServiceEntity(caller), Action: "introspect", Resource: snapshot.ResourceEntity(target),
	}
	decision := snapshot.Policy.Decide(question)
	i.count("introspect", c.Subject, &question, &decision)
	return decision.Allowed()
}

var inactive = []byte(`{"active":false}`)

// AppendJSON writes the answer of RFC 7662 §2.2.
func (x *Introspection) AppendJSON(dst []byte) ([]byte, error) {
	if !x.Active {
		return append(dst, inactive...), nil
	}
	start := len(dst)
	dst = append(append(dst, `{"active":true,"token_type":"`...), x.tokenType()...)
	dst = append(dst, '"')
	comma := len(dst)
	dst, err := x.Claims.AppendJSON(dst)
	if err != nil {
		return dst[:start], err
	}
	dst[comma] = ',' // where the claims' own brace stood
	return dst, nil
}

// tokenType is how the token must be presented (RFC 6750, RFC 9449 §8).
func (x *Introspection) tokenType() string {
	if c := x.Claims.Confirmation; c != nil && c.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}

// signedIntrospection is the payload of RFC 9701 §5. It has no sub and no exp, so that it can
// never pass as an access token.
type signedIntrospection struct {
	Issuer             string          `json:"iss"`
	Audience           string          `json:"aud"`
	IssuedAt           int64           `json:"iat"`
	TokenIntrospection json.RawMessage `json:"token_introspection"`
}

// SignIntrospection makes the JWT answer for the caller (RFC 9701).
func (i *Issuer) SignIntrospection(caller *symbolon.Client, x *Introspection) (string, error) {
	body, err := x.AppendJSON(make([]byte, 0, 768))
	if err != nil {
		return "", err
	}
	signer, err := i.Keys.Signer(token.ES256)
	if err != nil {
		return "", err
	}
	return token.Sign(signer, token.TypeIntrospection, signedIntrospection{
		Issuer: i.Issuer, Audience: string(caller.ID), IssuedAt: i.Clock().Unix(), TokenIntrospection: body,
	})
}
