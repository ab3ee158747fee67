package directory

import (
	"context"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// enrolmentLifetime is how long a link works.
const enrolmentLifetime = 24 * time.Hour

// Enrolment is an open link: whom it lets add an authenticator, until when.
type Enrolment struct {
	User    *symbolon.User
	Expires time.Time
	hash    symbolon.Hash
	at      time.Time
}

// Use gives the changes that use the link up. They go into the commit that stores the
// authenticator; it is Conflict if the link has been used meanwhile.
func (e *Enrolment) Use() []symbolon.Change {
	return []symbolon.Change{symbolon.UseTicket{Hash: e.hash, Kind: symbolon.EnrolmentTicket, At: e.at}}
}

// Enrol makes a link for a person, their first or one to recover with. Whoever has it can sign
// in as them: it is shown once and kept as a hash. NotFound if there is no such person, Denied
// if they are disabled.
func (d *Directory) Enrol(ctx context.Context, id symbolon.UserID, actor, requestID string) (symbolon.Secret, error) {
	user, err := d.store.User(ctx, id)
	if err != nil {
		return symbolon.Secret{}, err
	}
	if user.Disabled {
		return symbolon.Secret{}, symbolon.Errorf(symbolon.Denied, "this person is disabled")
	}
	raw, now := token.NewOpaque(token.PrefixTicket), d.clock()
	err = d.store.Commit(ctx, symbolon.IssueTicket{Ticket: symbolon.Ticket{
		Hash: raw.Hash(), Kind: symbolon.EnrolmentTicket, User: id, Expires: now.Add(enrolmentLifetime),
	}}, news{actor: actor, requestID: requestID}.event(symbolon.EnrolmentCreated, id, now))
	if err != nil {
		return symbolon.Secret{}, err
	}
	return raw, nil
}

// OpenEnrolment looks at a link without using it. Invalid, with words for the person, if it is
// unknown, used or expired, or if its person is gone, disabled, or was since it was made.
func (d *Directory) OpenEnrolment(ctx context.Context, raw string) (*Enrolment, error) {
	prefix, ok := token.CheckOpaque(raw)
	if !ok || prefix != token.PrefixTicket {
		return nil, errLink("it is incomplete")
	}
	ticket, err := d.store.Ticket(ctx, symbolon.HashOf(raw))
	if symbolon.IsKind(err, symbolon.NotFound) {
		return nil, errLink("it is unknown or too old")
	}
	if err != nil {
		return nil, err
	}
	now := d.clock()
	switch {
	case ticket.Kind != symbolon.EnrolmentTicket:
		return nil, errLink("it is unknown or too old")
	case !ticket.Used.IsZero():
		return nil, errLink("it has been used")
	case !now.Before(ticket.Expires):
		return nil, errLink("it has expired")
	}
	user, err := d.enrolling(ctx, ticket)
	if err != nil {
		return nil, err
	}
	return &Enrolment{User: user, Expires: ticket.Expires, hash: ticket.Hash, at: now}, nil
}

// enrolling is the person of a link, if they are welcome.
func (d *Directory) enrolling(ctx context.Context, ticket *symbolon.Ticket) (*symbolon.User, error) {
	user, err := d.store.User(ctx, ticket.User)
	if symbolon.IsKind(err, symbolon.NotFound) || (err == nil && user.Disabled) {
		return nil, errLink("its account is closed")
	}
	if err != nil {
		return nil, err
	}
	marks, err := d.store.Revocations(ctx, string(user.ID))
	if err != nil {
		return nil, err
	}
	made := ticket.Expires.Add(-enrolmentLifetime)
	for _, m := range marks {
		if m.Before.IsZero() || !made.After(m.Before) {
			return nil, errLink("its account was disabled since it was made")
		}
	}
	return user, nil
}

func errLink(why string) error {
	return symbolon.Errorf(symbolon.Invalid, "this link does not work: %s; ask for a new one", why)
}
