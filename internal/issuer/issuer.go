// Package issuer makes tokens, opens them, tells about them, swaps them and takes them back.
//
// Two words are kept apart. A token is read when it is authentic: its hash is known, or its
// signature is one of our own keys'. It is live when it is also believed at this moment: not
// expired, nothing that it hangs on revoked, its client enabled, its person there. [Issuer.Open]
// asks for both, each time. The laws:
//
//   - Revoked is revoked. As soon as the commit of a revocation has returned, no token that it
//     covers opens, at any replica. A single process knows all revocations by the store's hook,
//     which runs before a commit returns; where others may write, the store is asked each time.
//   - A cache holds what cannot change: what a token says. What can change is looked at each
//     time: marks, clients, people. So nothing cached needs to be found to be taken back.
//   - A token has one audience, and never outlives what it hangs on.
//   - A token that is bound to its presenter is never taken as a bearer token, and no exchange turns
//     it into one; what is bound, and to what, is decided in one place ([Mint]).
//   - What is made from a token is never more than that token ([Exchange]), and dies with it.
//   - Claims about a person are read when they are told, not when the token is made, except in a
//     JWT, which cannot ask again; that is why JWTs live minutes.
//
// Flow: grant → Issue → the caller commits. Introspection, exchange and our own resource
// servers → Open. Revoke* → commit → Committed → Open refuses.
package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/claim"
	"symbolon.dev/internal/key"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// Store is what the issuer needs of the record. Not found is an [*symbolon.Error] of that kind.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	Token(ctx context.Context, hash symbolon.Hash) (*symbolon.Token, error)
	User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error)
	Authorization(ctx context.Context, id symbolon.AuthorizationID) (*symbolon.Authorization, error)
	// Revocations finds those of the targets that exist.
	Revocations(ctx context.Context, targets ...string) ([]symbolon.Revocation, error)
	AllRevocations(ctx context.Context) ([]symbolon.Revocation, error)
	Statuses(ctx context.Context, list string) ([]symbolon.Status, error)
	EventHead(ctx context.Context) (int64, error) // moves with every commit that has events; a revocation has
}

// Catalog gives the snapshot that a request is judged by.
type Catalog interface{ Current() *catalog.Snapshot }

// Ledger counts decisions. Add must not block.
type Ledger interface {
	Add(entry symbolon.LedgerEntry)
}

// Config is what an [Issuer] is made of. All but Ledger and Certificate must be given.
type Config struct {
	Issuer  string // the iss of every token
	Store   Store
	Catalog Catalog
	Keys    *key.Ring
	Vault   *key.Vault
	Clock   symbolon.Clock
	Shared  bool // others may write to the store: nothing that can change is remembered
	Ledger  Ledger

	// Certificate gives the thumbprint (RFC 8705 §3.1) of the client certificate that a request was
	// sent with, "" for none; default that of its TLS connection.
	Certificate func(*http.Request) string

	Outbound *http.Client // asks hooks for claims; nil = tokens of resources with a hook are not made
}

// Issuer may be used by any number of requests at once.
type Issuer struct {
	Config
	marks    *marks
	people   *people
	opened   *otter.Cache[symbolon.Hash, *opened]
	verifier token.Verifier

	statuses *statuses

	expressions *claim.Compiler
	proofs      proofs
}

// maxOpened bounds the cache of opened tokens; one takes about a kilobyte.
const maxOpened = 1 << 16

// clockLeeway is how far the clocks of two replicas may be apart.
const clockLeeway = 5 * time.Second

// New loads the revocations. [Issuer.Committed] must be the store's hook before the next commit.
func New(ctx context.Context, c Config) (*Issuer, error) {
	opened, err := otter.New(&otter.Options[symbolon.Hash, *opened]{MaximumSize: maxOpened})
	if err != nil {
		return nil, err
	}
	people, err := newPeople(c.Store)
	if err != nil {
		return nil, err
	}
	statuses, err := newStatuses()
	if err != nil {
		return nil, err
	}
	if c.Certificate == nil {
		c.Certificate = ofConnection
	}
	i := &Issuer{Config: c, marks: newMarks(c.Clock), people: people, opened: opened, statuses: statuses, proofs: newProofs(&c), expressions: claim.NewCompiler()}
	i.verifier = token.Verifier{Keys: c.Keys, Issuer: c.Issuer, AnyAudience: true, Clock: c.Clock, Leeway: clockLeeway}
	if c.Shared {
		return i, nil
	}
	standing, err := c.Store.AllRevocations(ctx)
	for _, r := range standing {
		i.marks.add(r)
	}
	return i, err
}

// Committed takes note of what has been committed. The store calls it after the commit and
// before Commit returns to its caller.
func (i *Issuer) Committed(changes []symbolon.Change) {
	if i.Shared {
		return
	}
	for _, change := range changes {
		switch c := change.(type) {
		case symbolon.Revoke:
			i.marks.add(c.Revocation)
		case symbolon.PutUser:
			i.people.forget(c.User.ID)
		case symbolon.DeleteUser:
			i.people.forget(c.ID)
		}
	}
}

// Revoked reports whether something that was issued then, and hangs on the targets (token,
// authorization, session, user and client ids), has been revoked.
func (i *Issuer) Revoked(ctx context.Context, issued time.Time, targets ...string) (bool, error) {
	if !i.Shared {
		return i.marks.cover(issued, targets), nil
	}
	found, err := i.Store.Revocations(ctx, targets...)
	if err != nil {
		return true, err
	}
	for _, r := range found {
		if covers(r, issued) {
			return true, nil
		}
	}
	return false, nil
}

// User finds a person as the last commit left them. Do not modify the value.
func (i *Issuer) User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error) {
	if i.Shared {
		return i.Store.User(ctx, id)
	}
	return i.people.find(ctx, id)
}

// count puts a decision into the ledger.
func (i *Issuer) count(kind, subject string, q *policy.Request, d *policy.Decision) {
	if i.Ledger == nil {
		return
	}
	now := i.Clock()
	i.Ledger.Add(symbolon.LedgerEntry{
		Hour: now.Truncate(time.Hour), Kind: kind, Effect: string(d.Effect), Subject: subject,
		Client: q.Principal.ID, Resource: q.Resource.ID, Action: q.Action, Policies: d.Policies,
		Version: d.Version, Reason: d.Reason, Count: 1, First: now, Last: now,
	})
}
