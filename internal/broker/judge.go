package broker

import (
	"context"
	"sync"
	"time"

	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// ready is what of a request's question stays the same while token and snapshot do.
type ready struct {
	snapshot  *catalog.Snapshot
	principal policy.Entity
	contexts  sync.Pool // of map[string]any that hold what the token says
}

func (r *ready) context(c *token.Claims) map[string]any {
	if used, ok := r.contexts.Get().(map[string]any); ok {
		return used
	}
	return map[string]any{"acr": c.ACR, "amr": c.AMR, "scopes": c.Scope, "client": c.ClientID, "actors": c.Actor.Chain()}
}

// prepare gives the part of the question that is about the token.
func (e *entry) prepare(snapshot *catalog.Snapshot) *ready {
	if r := e.ready.Load(); r != nil && r.snapshot == snapshot {
		return r
	}
	c := e.claims
	r := &ready{snapshot: snapshot,
		principal: snapshot.PrincipalEntity(c.Kind, c.Subject, c.Groups, c.Organisation, c.Department, c.Employment)}
	e.ready.Store(r)
	return r
}

// judge asks the policy about one request at one moment.
func (b *Broker) judge(snapshot *catalog.Snapshot, e *entry, r *route, method, path string, now time.Time) policy.Decision {
	ready, c := e.prepare(snapshot), e.claims
	about := ready.context(c)
	defer ready.contexts.Put(about)
	about["method"], about["path"] = method, path
	if !c.AuthTime.IsZero() {
		about["auth_age"] = max(0, int64(now.Sub(c.AuthTime)/time.Second))
	}
	return snapshot.Policy.Decide(policy.Request{Principal: ready.principal, Action: "access", Resource: r.entity, Context: about})
}

// fits reports whether a token may be presented for a route in this way at all. Who holds a token
// for something else learns no more than who holds none.
func (b *Broker) fits(c *token.Claims, r *route, given credential, now time.Time) bool {
	return c != nil && r != nil &&
		len(c.Audience) == 1 && c.Audience[0] == r.resource.Identifier &&
		now.Before(c.Expires) && !now.Before(c.NotBefore) &&
		bindingFits(c.Confirmation, r.resource, given) &&
		(c.ClientID == b.ClientID) == given.fromCookie && (!given.fromCookie || r.app())
}

// again judges a flight anew, on what is known now, and cuts it if it may not go on. A flight
// whose token has to be asked about again moves to the new answer.
func (b *Broker) again(f *flight) {
	if !b.fresh() {
		f.end(cutStale)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	now, t := b.Clock(), b.table.Load()
	e, err := b.trust.renew(ctx, f)
	r := t.find(f.host, f.rawPath)
	switch {
	case err != nil:
		f.end(cutStale)
	case e == nil || e.claims == nil:
		f.end(cutRevoked)
	case !now.Before(e.claims.Expires):
		f.end(cutExpired)
	case !b.fits(e.claims, r, f.credential, now):
		f.end(cutDenied)
	default:
		d := b.judge(t.snapshot, e, r, f.method, f.path, now)
		if !d.Allowed() {
			b.count(e, r, &d, "")
			f.end(cutDenied)
			return
		}
		f.schedule(b.until(e, now), b.again)
	}
}

// until is how long a permit holds for something that stays open.
func (b *Broker) until(e *entry, now time.Time) time.Duration {
	return max(time.Millisecond, min(b.Rejudge, e.claims.Expires.Sub(now)))
}
