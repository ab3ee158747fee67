package authn

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/text/unicode/norm"

	"symbolon.dev"
)

// Passwords is the method that asks for something known. Alone it gives the lowest class.
type Passwords struct {
	*core
	hasher hasher
	dummy  phc // what the password of nobody is checked against
}

func newPasswords(shared *core, o Options) *Passwords {
	return &Passwords{core: shared, hasher: newHasher(o.Parallel), dummy: hashNew("nobody has this password")}
}

const maxLogin = 128 // characters; the same as the directory's

// Finish judges a login and password. Unauthenticated if they are wrong, in whatever way;
// TooMany if this login or address has failed too often ([RetryAfter] is in the chain if waiting
// helps); Denied if they are right and the account is disabled; Unavailable if ctx ends before
// it is its turn.
func (p *Passwords) Finish(ctx context.Context, from Caller, login string, password symbolon.Secret) (Result, error) {
	login = norm.NFC.String(strings.TrimSpace(login))
	if login == "" || len(login) > 4*maxLogin {
		return Result{}, errWrong(nil)
	}
	user, err := p.store.UserByLogin(ctx, login)
	if err != nil && !symbolon.IsKind(err, symbolon.NotFound) {
		return Result{}, err
	}
	one := guess{from: from, user: user, password: password, count: p.throttleOf(login, user, from)}
	one.stored, one.known = p.hashOf(user)
	if _, err := one.count.look(ctx); err != nil {
		return Result{}, err
	}
	if err := p.hasher.do(ctx, func() error { return p.judge(ctx, one) }); err != nil {
		return Result{}, err
	}
	return p.welcome(ctx, one)
}

// guess is one attempt on its way.
type guess struct {
	from     Caller
	user     *symbolon.User // nil = nobody has this login
	password symbolon.Secret
	count    throttle
	stored   phc
	known    bool // stored is the person's own hash
}

// hashOf is what to check a password against: that of nobody where there is none.
func (p *Passwords) hashOf(user *symbolon.User) (stored phc, known bool) {
	if user != nil {
		if parsed, err := parsePHC(user.PasswordHash); err == nil {
			return parsed, true
		}
	}
	return p.dummy, false
}

// judge does the same work for a person, a person without a password, and nobody. It runs in a
// slot of the hasher from the count to the verdict, so that no more guesses than there are slots
// can be under way at once.
func (p *Passwords) judge(ctx context.Context, g guess) error {
	if err := g.count.enter(ctx); err != nil {
		return err
	}
	normal, malformed := normalise(g.password.Reveal())
	if g.stored.matches(normal) && g.known && malformed == nil {
		return nil
	}
	return errWrong(errors.Join(g.count.fail(ctx), p.tellFailure(ctx, g.from, g.user, MethodPassword)))
}

// welcome forgets the failures, and makes the hash again if it was made with less work.
func (p *Passwords) welcome(ctx context.Context, g guess) (Result, error) {
	if g.user.Disabled {
		return Result{}, errDisabled()
	}
	if err := p.store.Commit(ctx, g.count.forget()...); err != nil {
		return Result{}, err
	}
	if g.stored.weak() {
		if err := p.upgrade(ctx, g.user, g.password); err != nil {
			return Result{}, err
		}
	}
	return resultOf(g.user, "", Factor{Method: MethodPassword}), nil
}

func (p *Passwords) upgrade(ctx context.Context, user *symbolon.User, password symbolon.Secret) error {
	normal, err := normalise(password.Reveal())
	if err != nil {
		return err
	}
	next, err := p.withHash(ctx, user, normal)
	if err != nil {
		return err
	}
	err = p.store.Commit(ctx, user.Supersede(p.clock()), symbolon.PutUser{User: next})
	if symbolon.IsKind(err, symbolon.Conflict) {
		return nil // somebody else is changing this person; the next login upgrades
	}
	return err
}

// withHash is the person with a new password.
func (p *Passwords) withHash(ctx context.Context, user *symbolon.User, normal string) (symbolon.User, error) {
	next := *user
	err := p.hasher.do(ctx, func() error {
		next.PasswordHash = hashNew(normal).String()
		return nil
	})
	next.Updated = after(user.Updated, p.clock())
	return next, err
}

// Check tells whether a password may be chosen by this person. Invalid with words for them if not.
func (p *Passwords) Check(user *symbolon.User, password symbolon.Secret) error {
	normal, err := normalise(password.Reveal())
	if err != nil {
		return err
	}
	if err := longEnough(normal); err != nil {
		return err
	}
	return guessable(normal, p.name, user)
}

// Set gives a person a password, and forgets the failures that stopped the old one. The caller
// has made sure that they may: by [Authn.Manage], or by an enrolment in by.With. It commits with
// by.With or not at all. Invalid if [Passwords.Check] fails, Denied for a disabled person,
// Conflict if the person or the enrolment was changed meanwhile.
func (p *Passwords) Set(ctx context.Context, id symbolon.UserID, password symbolon.Secret, by By) error {
	user, err := p.store.User(ctx, id)
	if err != nil {
		return err
	}
	if user.Disabled {
		return errDisabled()
	}
	if err := p.Check(user, password); err != nil {
		return err
	}
	normal, err := normalise(password.Reveal())
	if err != nil {
		return err
	}
	next, err := p.withHash(ctx, user, normal)
	if err != nil {
		return err
	}
	changes := append(by.With, user.Supersede(p.clock()), symbolon.PutUser{User: next},
		p.event(symbolon.CredentialAdded, id, "", by, map[string]any{"kind": string(MethodPassword)}))
	return p.store.Commit(ctx, append(changes, p.throttleOf(user.Login, user, Caller{}).forget()...)...)
}

// Remove takes a person's password away. NotFound if there is none; Conflict if it is their last
// way in and they do it themselves.
func (p *Passwords) Remove(ctx context.Context, id symbolon.UserID, by By) error {
	user, err := p.store.User(ctx, id)
	if err != nil {
		return err
	}
	if user.PasswordHash == "" {
		return symbolon.Errorf(symbolon.NotFound, "there is no password")
	}
	others, err := p.store.Credentials(ctx, id)
	if err != nil {
		return err
	}
	if err := lastWayIn(user, by, len(others)); err != nil {
		return err
	}
	next := *user
	next.PasswordHash, next.Updated = "", after(user.Updated, p.clock())
	return p.store.Commit(ctx, append(by.With, user.Supersede(p.clock()), symbolon.PutUser{User: next},
		p.event(symbolon.CredentialRemoved, id, "", by, map[string]any{"kind": string(MethodPassword)}))...)
}
