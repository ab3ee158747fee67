package broker

import (
	"context"

	"symbolon.dev"
	"symbolon.dev/token"
)

// takeOut gives the entry of the token for a route that the presented one carries (S30), and notes it in
// the flight. Where there is none that may be taken out, it gives back the entry of the presented one,
// which then has to be good for the route by itself.
//
// The issuer is asked about the inner token as about any: what it says, and whether it is believed. It
// hangs on the outer one by its ancestors, so that a signal about that finds its flights.
func (b *Broker) takeOut(ctx context.Context, f *flight, e *entry, found *route) (*entry, error) {
	f.inner = symbolon.Secret{}
	outer := e.claims
	if outer == nil || found == nil || f.fromCookie || !mayCarry(outer, f.credential) || b.Clock().Before(outer.NotBefore) {
		return e, nil
	}
	all, err := token.Embedded(outer)
	raw, ok := all[found.resource.Identifier]
	if err != nil || !ok {
		return e, nil
	}
	inner, err := b.trust.find(ctx, raw)
	if err != nil {
		return nil, err
	}
	if inner.claims == nil || inner.claims.ClientID != outer.ClientID || token.CheckInner(outer, inner.claims) != nil {
		return e, nil
	}
	f.inner = symbolon.NewSecret(raw)
	return inner, nil
}

// mayCarry: the outer token is for one audience, and presented in the way that its own binding wants.
func mayCarry(outer *token.Claims, given credential) bool {
	toKey := outer.Confirmation != nil && outer.Confirmation.JKT != ""
	return len(outer.Audience) == 1 && toKey == given.dpop
}

// handOn makes the word of an inner token, which is for this upstream and nobody else.
func (e *entry) handOn(raw symbolon.Secret, wanted map[string]string) (*word, error) {
	if kept := e.own.Load(); kept != nil {
		return kept, nil
	}
	headers, err := toldBy(raw.Reveal(), wanted)
	if err != nil {
		return nil, err
	}
	own := &word{authorization: []string{"Bearer " + raw.Reveal()}, headers: headers, until: e.claims.Expires}
	e.own.Store(own)
	return own, nil
}
