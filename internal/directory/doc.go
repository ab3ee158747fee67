// Package directory keeps people.
//
// Laws:
//
//   - A change and the news of it are one commit. The news names the fields, never their values.
//   - Every write replaces the version that was read, or starts over ([symbolon.User.Supersede]):
//     a change of name that raced with a disabling cannot undo it.
//   - To disable or delete a person ends all that hangs on them in the same commit: sessions,
//     authorizations and, by a mark on the person, whatever else was issued until then. To enable
//     them again brings none of it back.
//   - A person without an authenticator gets one through an enrolment link: 256 random bits that
//     work once within a day. The link is used in the commit that stores the authenticator, so
//     that a crash between them loses neither.
package directory

import (
	"context"

	"symbolon.dev"
)

// Store is what the directory needs of the record.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	User(ctx context.Context, id symbolon.UserID) (*symbolon.User, error)
	UserByLogin(ctx context.Context, login string) (*symbolon.User, error)
	Users(ctx context.Context, after string, limit int) ([]symbolon.User, error)
	SessionsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Session, error)
	AuthorizationsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Authorization, error)
	Ticket(ctx context.Context, hash symbolon.Hash) (*symbolon.Ticket, error)
	Revocations(ctx context.Context, targets ...string) ([]symbolon.Revocation, error)
}

// Directory finds and changes people. It has no state of its own.
type Directory struct {
	store Store
	clock symbolon.Clock
}

// New makes the room over a store; a nil clock is [symbolon.Now].
func New(store Store, clock symbolon.Clock) *Directory {
	if clock == nil {
		clock = symbolon.Now
	}
	return &Directory{store: store, clock: clock}
}

// Get finds a person. NotFound if there is none.
func (d *Directory) Get(ctx context.Context, id symbolon.UserID) (*symbolon.User, error) {
	return d.store.User(ctx, id)
}

// ByLogin finds a person by what they type. NotFound if there is none.
func (d *Directory) ByLogin(ctx context.Context, login string) (*symbolon.User, error) {
	return d.store.UserByLogin(ctx, tidy(login))
}

const maxPage = 1000

// List gives people in the order of their logins, those after a login, at most 1000 at a time
// (limit 0 = 100).
func (d *Directory) List(ctx context.Context, after string, limit int) ([]symbolon.User, error) {
	if limit <= 0 {
		limit = 100
	}
	return d.store.Users(ctx, after, min(limit, maxPage))
}

// tries bounds how often a write that came second reads again.
const tries = 5

// retried runs a change of what it reads itself, again if somebody else was faster.
func retried(change func() error) error {
	var err error
	for range tries {
		if err = change(); !symbolon.IsKind(err, symbolon.Conflict) {
			return err
		}
	}
	return err
}
