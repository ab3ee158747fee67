// Package session is a person's life at the issuer after a login: start, raise, end.
//
// The browser holds a cookie with 256 random bits; the store holds their hash. Laws:
//
//   - A session claims what its authentication gave and no more. The acr, amr and auth_time of
//     [Login] are those of the factors just done; nobody edits them later.
//   - Each login makes a new secret, a raised session too: a secret that somebody knew before
//     the login is worth nothing after it.
//   - It ends at its absolute end, after its idle time, when it is ended, and when its person is
//     disabled. Limits depend on the class of authentication (NIST SP 800-63B-4 §2).
//   - Ending commits three things at once: the end, a revocation mark that kills what was issued
//     in it, and the event that tells the brokers.
//
// A [Step] is how the doors of OAuth and login meet: the one seals what it wants and redirects,
// the other opens it, does it, and redirects to ReturnTo. They never call each other.
package session

import (
	"context"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/key"
)

// Store is what sessions need of the record.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error)
	Session(ctx context.Context, id symbolon.SessionID) (*symbolon.Session, error)
	SessionBySecret(ctx context.Context, secret symbolon.Hash) (*symbolon.Session, error)
	SessionsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Session, error)
	AuthorizationsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Authorization, error)
}

// Limit is how long a session may live in all, and how long without use.
type Limit struct{ Lifetime, Idle time.Duration }

// Options of [New]. The zero value is for plain-HTTP development only; production sets Secure.
type Options struct {
	Lifetime time.Duration          // of any class without a limit of its own; 0 = 24 h
	Idle     time.Duration          // likewise; 0 = 1 h
	Limits   map[symbolon.ACR]Limit // per class; "phrh" is 12 h and 15 min unless given here
	Secure   bool                   // served over TLS: cookies are Secure and bound to the host
	Clock    symbolon.Clock         // nil = symbolon.Now
}

// Sessions starts, finds, raises and ends them. It has no state of its own.
type Sessions struct {
	store  Store
	vault  *key.Vault
	clock  symbolon.Clock
	secure bool
	limits map[symbolon.ACR]Limit
}

// The defaults are those of NIST SP 800-63B-4 for AAL2, and of AAL3 for attested hardware.
var (
	defaultLimit  = Limit{Lifetime: 24 * time.Hour, Idle: time.Hour}
	hardwareLimit = Limit{Lifetime: 12 * time.Hour, Idle: 15 * time.Minute}
)

// New makes the room over a store. The vault seals steps.
func New(store Store, vault *key.Vault, o Options) *Sessions {
	s := &Sessions{store: store, vault: vault, clock: o.Clock, secure: o.Secure}
	if s.clock == nil {
		s.clock = symbolon.Now
	}
	s.limits = limitsOf(o)
	return s
}

func limitsOf(o Options) map[symbolon.ACR]Limit {
	base := Limit{Lifetime: o.Lifetime, Idle: o.Idle}.or(defaultLimit)
	limits := make(map[symbolon.ACR]Limit, len(symbolon.ACRs))
	for _, acr := range symbolon.ACRs {
		limits[acr] = o.Limits[acr].or(base)
	}
	limits[symbolon.ACRHardware] = o.Limits[symbolon.ACRHardware].or(hardwareLimit.within(base))
	return limits
}

// or fills what is not set.
func (l Limit) or(other Limit) Limit {
	if l.Lifetime <= 0 {
		l.Lifetime = other.Lifetime
	}
	if l.Idle <= 0 {
		l.Idle = other.Idle
	}
	return l
}

// within keeps the shorter of both.
func (l Limit) within(other Limit) Limit {
	return Limit{Lifetime: min(l.Lifetime, other.Lifetime), Idle: min(l.Idle, other.Idle)}
}
