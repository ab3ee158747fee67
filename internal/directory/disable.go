package directory

import (
	"context"
	"time"

	"symbolon.dev"
)

// markAtLeast is how long the mark on a person stays: longer than any token that hangs on no
// session and no authorization, and than an enrolment link.
const markAtLeast = 48 * time.Hour

// Disable shuts a person out: nobody signs in as them, and what they had ends now, all in one
// commit. It is nil if they are disabled already, NotFound if there is no such person.
func (d *Directory) Disable(ctx context.Context, id symbolon.UserID, actor, reason, requestID string) error {
	about := news{actor: actor, reason: reason, requestID: requestID}
	return retried(func() error {
		return d.shut(ctx, about, id, true)
	})
}

// Enable lets a person sign in again. Nothing that was ended comes back.
func (d *Directory) Enable(ctx context.Context, id symbolon.UserID, actor, requestID string) error {
	about := news{actor: actor, requestID: requestID}
	return retried(func() error {
		return d.shut(ctx, about, id, false)
	})
}

func (d *Directory) shut(ctx context.Context, about news, id symbolon.UserID, disabled bool) error {
	was, err := d.store.User(ctx, id)
	if err != nil || was.Disabled == disabled {
		return err
	}
	now, next := d.clock(), *was
	next.Disabled, next.Updated = disabled, after(was.Updated, now)
	changes := []symbolon.Change{was.Supersede(now), symbolon.PutUser{User: next}}
	if !disabled {
		return d.store.Commit(ctx, append(changes, about.event(symbolon.UserEnabled, id, now))...)
	}
	ends, err := d.endings(ctx, about, id, now)
	if err != nil {
		return err
	}
	return d.store.Commit(ctx, append(append(changes, ends...), about.event(symbolon.UserDisabled, id, now))...)
}

// Delete removes a person with their credentials and consents, and ends what they had, in one
// commit. NotFound if there is no such person. Events that name them stay: they hold ids.
func (d *Directory) Delete(ctx context.Context, id symbolon.UserID, actor, requestID string) error {
	about := news{actor: actor, requestID: requestID, reason: "deleted"}
	return retried(func() error {
		was, err := d.store.User(ctx, id)
		if err != nil {
			return err
		}
		now := d.clock()
		changes, err := d.endings(ctx, about, id, now)
		if err != nil {
			return err
		}
		return d.store.Commit(ctx, append(changes, was.Supersede(now), symbolon.DeleteUser{ID: id},
			about.event(symbolon.UserDeleted, id, now))...)
	})
}

// endings ends all that hangs on a person: each live session and each authorization with a mark
// and an event, and a mark on the person for whatever was issued until now. Marks stay until the
// last thing that they concern would have ended by itself.
func (d *Directory) endings(ctx context.Context, about news, id symbolon.UserID, now time.Time) ([]symbolon.Change, error) {
	sessions, err := d.store.SessionsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	authorizations, err := d.store.AuthorizationsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	until := lastEnd(sessions, authorizations, now.Add(markAtLeast))
	changes := []symbolon.Change{mark(string(id), now, until)}
	for i := range sessions {
		if !sessions[i].Ended.IsZero() {
			continue
		}
		told := about.event(symbolon.SessionEnded, id, now)
		told.Session = sessions[i].ID
		changes = append(changes, symbolon.EndSession{ID: sessions[i].ID, At: now}, mark(string(sessions[i].ID), time.Time{}, until), told)
	}
	for i := range authorizations {
		if !now.Before(authorizations[i].Expires) {
			continue
		}
		told := about.event(symbolon.AuthorizationRevoked, id, now)
		told.Authorization, told.Client, told.Session = authorizations[i].ID, authorizations[i].Client, authorizations[i].Session
		changes = append(changes, mark(string(authorizations[i].ID), time.Time{}, until), told)
	}
	return changes, nil
}

func mark(target string, before, until time.Time) symbolon.Change {
	return symbolon.Revoke{Revocation: symbolon.Revocation{Target: target, Before: before, Until: until}}
}

func lastEnd(sessions []symbolon.Session, authorizations []symbolon.Authorization, least time.Time) time.Time {
	last := least
	for i := range sessions {
		if end := sessions[i].Expires; end.After(last) {
			last = end
		}
	}
	for i := range authorizations {
		if end := authorizations[i].Expires; end.After(last) {
			last = end
		}
	}
	return last
}
