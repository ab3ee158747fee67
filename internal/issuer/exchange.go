package issuer

import (
	"context"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

// Token types of RFC 8693 §3 that can be exchanged and asked for.
const (
	TokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	TokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"
)

const (
	maxActors           = 8               // a longer chain is a loop
	maxUpstreamLifetime = 5 * time.Minute // of a JWT that a broker or a resource's server makes of an opaque token
)

// Exchange is a client that holds a token and asks for another in its place (RFC 8693).
type Exchange struct {
	Client  *symbolon.Client   // authenticated
	Subject *token.Claims      // of the subject token, opened
	Target  *symbolon.Resource // the new audience
	Scopes  []string           // asked for; none = all that there may be
	Details []symbolon.Detail  // likewise
	Format  string             // asked for; "" = as the target's rule has it

	Holder *token.Confirmation // what the client has proven to hold; nil = nothing

	Actor       *token.Claims // of the actor token, opened; nil = the client acts
	Impersonate bool          // the client wants to pass for the subject, and to stand in no act claim
	Widening    string        // name of a rule of the target that adds scopes; "" = none
	Transaction string        // that a widening is for
}

// Exchange judges by the rules and by the policy action "exchange" or "impersonate", and says what to mint. The
// error's code is invalid_request, invalid_scope or, by policy, invalid_target (RFC 8693 §2.2.2).
func (i *Issuer) Exchange(ctx context.Context, x Exchange) (Mint, error) {
	snapshot := i.Catalog.Current()
	from, ok := audienceOf(snapshot, x.Subject)
	if !ok {
		return Mint{}, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the subject token has no audience that is known here")
	}
	mint, err := x.Mint(from)
	if err != nil {
		return Mint{}, err
	}
	return mint, i.mayExchange(ctx, snapshot, &x, from, mint.Scopes)
}

// Mint applies the rules that no policy can lift. From is the resource that the subject token
// is for. The result is never more than the subject token: not in scope, nor in time, nor in
// the strength of the login; and the one who asks stands in the act claim.
func (x *Exchange) Mint(from *symbolon.Resource) (Mint, error) {
	swap := x.swap(from)
	if !swap && from.Server != x.Client.ID {
		return Mint{}, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the subject token is not for the client that presents it")
	}
	added, err := x.widened(from)
	if err != nil {
		return Mint{}, err
	}
	scopes, err := x.scopes(swap, added)
	if err != nil {
		return Mint{}, err
	}
	mint := Mint{Client: x.Client, Resource: x.Target, Scopes: scopes, From: x.Subject,
		Holder: x.Holder, swap: swap}
	if mint.Details, err = x.details(); err != nil {
		return Mint{}, err
	}
	if mint.Format, err = x.format(); err != nil {
		return Mint{}, err
	}
	if x.Format == FormatJWT && (x.Client.Broker || !x.readable()) {
		mint.Lifetime = maxUpstreamLifetime
	}
	if x.Widening != "" {
		mint.Lifetime, mint.Transaction = maxUpstreamLifetime, x.Transaction
	}
	if mint.Actor, err = x.actor(swap); err != nil {
		return Mint{}, err
	}
	if x.Actor != nil {
		mint.ActorToken, mint.NotAfter = x.Actor, x.Actor.Expires
	}
	if len(mint.Actor.Chain()) > maxActors {
		return Mint{}, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the chain of actors would be longer than %d", maxActors)
	}
	return mint, nil
}

// swap: a broker takes a token for a resource that it fronts, and asks for the one that it shows
// to the upstream. It stands between the two and acts for nobody. Tokens for anything else are
// as useless to a broker as to any client.
func (x *Exchange) swap(from *symbolon.Resource) bool {
	return x.Client.Broker && x.Target.ID == from.ID && from.Upstream != nil
}

// scopes is requested ∩ subject's ∩ target's, and what a widening adds. A broker's swap for the same audience needs no
// look at the resource's list: the subject token has passed it.
func (x *Exchange) scopes(swap bool, added []string) ([]string, error) {
	kept := slices.Grow(slices.Clone(added), len(x.Subject.Scope))
	for _, scope := range x.Subject.Scope {
		if (swap || offers(x.Target, scope)) && (len(x.Scopes) == 0 || slices.Contains(x.Scopes, scope)) && !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	if len(x.Scopes) > 0 && len(kept) == 0 {
		return nil, symbolon.Refuse(symbolon.Invalid, "invalid_scope", "the subject token carries none of the requested scopes that the target knows")
	}
	return kept, nil
}

// readable: the client may have JWTs for the target, encrypted or not.
func (x *Exchange) readable() bool {
	format := Rule(x.Client, x.Target).Format
	return format == FormatJWT || format == FormatJWE
}

func offers(r *symbolon.Resource, scope string) bool {
	return slices.ContainsFunc(r.Scopes, func(s symbolon.Scope) bool { return s.Name == scope })
}

// format: a JWT where the resource takes opaque tokens is for brokers, who pass it on at once,
// and for the resource's own server.
func (x *Exchange) format() (string, error) {
	unusual := x.Format == FormatJWT && !x.readable()
	if unusual && !x.Client.Broker && x.Target.Server != x.Client.ID {
		return "", symbolon.Refuse(symbolon.Invalid, "invalid_request", "the target takes opaque tokens")
	}
	return x.Format, nil
}

func (i *Issuer) mayExchange(ctx context.Context, snapshot *catalog.Snapshot, x *Exchange, from *symbolon.Resource, scopes []string) error {
	subject := token.Claims{Subject: x.Subject.Subject, Kind: x.Subject.Kind}
	if err := i.describe(ctx, &subject, nil, subjectFields); err != nil {
		return err
	}
	principals, err := i.principals(ctx, snapshot, x)
	if err != nil {
		return err
	}
	for _, principal := range principals {
		question := x.question(snapshot, principal, &subject, from, scopes)
		decision := snapshot.Policy.Decide(question)
		i.count(actionExchange, subject.Subject, &question, &decision)
		if !decision.Allowed() {
			refused := symbolon.Refuse(symbolon.Denied, "invalid_target", "the policy does not let %s %s this token for one for %s", principal.ID, x.action(), x.Target.ID)
			refused.Policies, refused.Remedies = decision.Policies, decision.Remedies
			return refused
		}
	}
	return nil
}
