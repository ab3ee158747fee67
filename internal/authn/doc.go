// Package authn is how people prove who they are: one file per method.
//
// A method has a Begin where it has something to ask, and a Finish that answers with a [Result]:
// the person, and the factors that were really done. [Strength] alone turns factors into acr and
// amr. Laws:
//
//   - No answer tells whether a login exists: the same words, the same work, the same throttle.
//   - A guess is counted before it is judged, so that guesses made at once do not slip through
//     together; only success takes the count away.
//   - A throttled password never stands in the way of a passkey: nobody can lock a person out
//     of it by failing in their name.
//   - What anonymous callers can cause to be written is bounded: a failure becomes an event at the
//     first and then at powers of two, and beginning a ceremony writes nothing. A challenge is
//     sealed into the ceremony's state and marked as used when it is answered.
//   - An authenticator changes together with whatever allowed the change ([By].With), in one commit.
//
// The credential's data is sealed under the ids of its person and itself, so that a row moved to
// somebody else opens for nobody.
package authn

import (
	"context"
	"net/netip"
	"runtime"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/key"
)

// Store is what authentication needs of the record.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error)
	UserByLogin(ctx context.Context, login string) (*symbolon.User, error)
	Credentials(ctx context.Context, user symbolon.UserID) ([]symbolon.Credential, error)
	CredentialByHandle(ctx context.Context, handle []byte) (*symbolon.Credential, error)
	Attempts(ctx context.Context, key string) (int, error)
}

// Options of [New].
type Options struct {
	Name     string         // of the product or company, as authenticators show it; "" = "Symbolon"
	RPID     string         // WebAuthn relying party id: the issuer's host, e.g. "id.example.com"
	Origins  []string       // exact origins of the login pages, e.g. "https://id.example.com"
	Parallel int            // passwords hashed at once; 0 = one for each CPU, at most 4
	Clock    symbolon.Clock // nil = symbolon.Now
}

// Authn holds the methods. It has no state of its own but the limit on hashes at once.
type Authn struct {
	Passwords *Passwords
	Passkeys  *Passkeys
	core      *core
}

// core is what the methods share.
type core struct {
	store Store
	vault *key.Vault
	clock symbolon.Clock
	name  string
}

const maxParallel = 4

// New makes the room. Invalid if RPID and Origins do not fit together.
func New(store Store, vault *key.Vault, o Options) (*Authn, error) {
	if o.Clock == nil {
		o.Clock = symbolon.Now
	}
	if o.Name == "" {
		o.Name = "Symbolon"
	}
	if o.Parallel <= 0 {
		o.Parallel = min(runtime.NumCPU(), maxParallel)
	}
	shared := &core{store: store, vault: vault, clock: o.Clock, name: o.Name}
	passkeys, err := newPasskeys(shared, o)
	if err != nil {
		return nil, err
	}
	return &Authn{Passwords: newPasswords(shared, o), Passkeys: passkeys, core: shared}, nil
}

// Caller is who is at the other end of an attempt.
type Caller struct {
	Address   netip.Addr // of the connection; the zero Addr is one address like any other
	Agent     string     // User-Agent as it came
	RequestID string
}

// Result is what a finished method gives.
type Result struct {
	User       *symbolon.User
	Credential symbolon.CredentialID // "" for a password
	Factors    []Factor
	ACR        symbolon.ACR // Strength of Factors
	AMR        []string     // likewise
}

func resultOf(user *symbolon.User, credential symbolon.CredentialID, factors ...Factor) Result {
	r := Result{User: user, Credential: credential, Factors: factors}
	r.ACR, r.AMR = Strength(factors)
	return r
}

// By says who changes an authenticator, and what else belongs to the change: the use of the
// enrolment link that allowed it.
type By struct {
	Actor     string // user or client id
	RequestID string
	With      []symbolon.Change
}

// event is the news of a change to the authenticators of a person.
func (c *core) event(news symbolon.EventType, user symbolon.UserID, id symbolon.CredentialID, by By, data map[string]any) symbolon.Event {
	return symbolon.Event{
		ID: symbolon.NewEventID(), At: c.clock(), Type: news, Actor: by.Actor, User: user,
		Credential: id, RequestID: by.RequestID, Data: data,
	}
}

// freshEnough is how recent a login must be to change authenticators.
const freshEnough = 10 * time.Minute

// Manage reports whether a session is strong and fresh enough to add, remove or replace an
// authenticator: whoever has a passkey must have used one, and everybody must have signed in
// within ten minutes (NIST SP 800-63B-4 §4.1). Denied with the remedy otherwise.
func (a *Authn) Manage(ctx context.Context, s *symbolon.Session) error {
	keys, err := a.Passkeys.List(ctx, s.User)
	if err != nil {
		return err
	}
	wanted := symbolon.Remedy{ACR: symbolon.ACRSingle, MaxAge: int64(freshEnough / time.Second)}
	if len(keys) > 0 {
		wanted.ACR = symbolon.ACRPhishing
	}
	age := a.core.clock().Sub(s.AuthTime)
	if s.ACR.Meets(wanted.ACR) && age <= freshEnough {
		return nil
	}
	refused := symbolon.Errorf(symbolon.Denied, "sign in again to change how you sign in")
	refused.Remedies = []symbolon.Remedy{wanted}
	return refused
}

// lastWayIn refuses to take a person's last authenticator from them by their own hand.
func lastWayIn(user *symbolon.User, by By, left int) error {
	if left > 0 || by.Actor != string(user.ID) {
		return nil
	}
	return symbolon.Errorf(symbolon.Conflict, "this is your only way to sign in; add another one first")
}

// errWrong says the same of everything that can be wrong with a proof of identity.
func errWrong(cause error) error {
	return symbolon.Errorf(symbolon.Unauthenticated, "the login or password is wrong").Because(cause)
}

func errDisabled() error {
	return symbolon.Errorf(symbolon.Denied, "this account is disabled; an administrator can enable it again")
}
