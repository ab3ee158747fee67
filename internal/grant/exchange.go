package grant

import (
	"context"
	"errors"
	"slices"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/issuer"
)

// exchange swaps a token for one of another audience: RFC 8693. The rules of what may become
// what are the issuer's; here stands what the request may say.
func (g *Grants) exchange(ctx context.Context, q *Request) (*Response, error) {
	if q.RequestedTokenType == TypeJAG {
		return g.chain(ctx, q)
	}
	if err := q.exchangeable(); err != nil {
		return nil, err
	}
	target, err := g.target(q)
	if err != nil {
		return nil, err
	}
	subject, err := g.Tokens.Open(ctx, q.SubjectToken)
	if err != nil {
		return nil, badSubject(err)
	}
	details, err := q.ownDetails(g.Catalog.Current(), target)
	if err != nil {
		return nil, err
	}
	ask := issuer.Exchange{Client: q.Client, Details: details, Subject: subject, Target: target, Scopes: q.Scopes, Holder: q.Holder,
		Impersonate: q.Impersonate, Widening: q.Widening, Transaction: q.Transaction}
	if q.ActorToken != "" {
		if ask.Actor, err = g.Tokens.Open(ctx, q.ActorToken); err != nil {
			return nil, badSubject(err)
		}
	}
	issuedType := issuer.TokenTypeAccess
	if q.RequestedTokenType == issuer.TokenTypeJWT {
		ask.Format, issuedType = issuer.FormatJWT, issuer.TokenTypeJWT
	}
	mint, err := g.Tokens.Exchange(ctx, ask)
	if err != nil {
		return nil, refusedSwap(err)
	}
	issued, changes, err := g.Tokens.Issue(ctx, mint)
	if err != nil {
		return nil, err
	}
	response := answer(issued, target)
	response.IssuedTokenType = issuedType
	response.User, response.Session = symbolon.UserID(subject.Subject), symbolon.SessionID(subject.SessionID)
	return response, g.commit(ctx, changes)
}

// exchangeable checks the parameters of RFC 8693 §2.1.
func (q *Request) exchangeable() error {
	invalid := func(message string) error {
		return symbolon.Refuse(symbolon.Invalid, "invalid_request", "%s", message)
	}
	switch {
	case q.SubjectToken == "" || q.SubjectTokenType == "":
		return invalid("subject_token and subject_token_type are both needed")
	case q.SubjectTokenType != issuer.TokenTypeAccess && q.SubjectTokenType != issuer.TokenTypeJWT:
		return invalid("subject_token_type must be an access token or a JWT of this issuer")
	case q.SubjectTokenType == issuer.TokenTypeJWT && strings.Count(q.SubjectToken, ".") != 2:
		return invalid("subject_token is not the JWT that subject_token_type says")
	case (q.ActorToken == "") != (q.ActorTokenType == ""):
		return invalid("actor_token and actor_token_type go together")
	case q.ActorTokenType != "" && q.ActorTokenType != issuer.TokenTypeAccess && q.ActorTokenType != issuer.TokenTypeJWT:
		return invalid("actor_token_type must be an access token or a JWT of this issuer")
	case q.RequestedTokenType != "" && q.RequestedTokenType != issuer.TokenTypeAccess && q.RequestedTokenType != issuer.TokenTypeJWT:
		return invalid("requested_token_type must be an access token or a JWT")
	}
	return nil
}

// target is the one resource that all resource and audience parameters name: by its URI, or as
// audience by its id.
func (g *Grants) target(q *Request) (*symbolon.Resource, error) {
	snapshot := g.Catalog.Current()
	var target *symbolon.Resource
	for n, name := range slices.Concat(q.Resources, q.Audiences) {
		r, ok := snapshot.ByIdentifier(name)
		if !ok && n >= len(q.Resources) {
			r, ok = snapshot.Resource(symbolon.ResourceID(name))
		}
		if !ok || r.Foreign != nil {
			return nil, unavailableTarget()
		}
		if target != nil && target.ID != r.ID {
			return nil, invalidTarget("a token has one audience: name one target")
		}
		target = r
	}
	if target == nil {
		return nil, invalidTarget("name the target, as resource (its URI) or as audience")
	}
	return target, nil
}

// refusedSwap tells no more of a target that policy keeps from this client than of one that
// does not exist.
func refusedSwap(err error) error {
	var known *symbolon.Error
	if !errors.As(err, &known) || known.Kind != symbolon.Denied {
		return err
	}
	refused := unavailableTarget().Because(err)
	refused.Policies, refused.Remedies = known.Policies, known.Remedies
	return refused
}

// badSubject: a subject token that is not believed is invalid_request (RFC 8693 §2.2.2), while
// a store that is down stays what it is.
func badSubject(err error) error {
	if symbolon.IsKind(err, symbolon.Unauthenticated) {
		return symbolon.Refuse(symbolon.Invalid, "invalid_request", "the subject or actor token is unknown, expired, revoked or not of this issuer").Because(err)
	}
	return err
}
