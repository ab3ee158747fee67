package directory

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"symbolon.dev"
)

// Put creates or changes people, all in one commit or none. A person with an ID is that one; a
// person without is the one with the login, or new. What the given person says replaces what is
// there, with three exceptions: Created stays, PasswordHash "" keeps the hash, and Disabled false
// does not enable ([Directory.Enable] does, so that no stale copy can). Disabled true disables
// with all that follows. Whoever is unchanged is not written.
//
// Invalid names what is wrong; NotFound if an ID is unknown; Conflict if a login is another's.
func (d *Directory) Put(ctx context.Context, actor, requestID string, users ...symbolon.User) error {
	return retried(func() error { return d.put(ctx, news{actor: actor, requestID: requestID}, users) })
}

func (d *Directory) put(ctx context.Context, about news, users []symbolon.User) error {
	var changes []symbolon.Change
	for _, wanted := range users {
		if err := check(&wanted); err != nil {
			return err
		}
		was, err := d.existing(ctx, &wanted)
		if err != nil {
			return err
		}
		steps, err := d.replace(ctx, about, was, wanted)
		if err != nil {
			return err
		}
		changes = append(changes, steps...)
	}
	if len(changes) == 0 {
		return nil
	}
	return d.store.Commit(ctx, changes...)
}

// existing is the person whom wanted replaces, nil for a new one.
func (d *Directory) existing(ctx context.Context, wanted *symbolon.User) (*symbolon.User, error) {
	if wanted.ID != "" {
		return d.store.User(ctx, wanted.ID)
	}
	was, err := d.store.UserByLogin(ctx, wanted.Login)
	if symbolon.IsKind(err, symbolon.NotFound) {
		return nil, nil
	}
	return was, err
}

// replace gives the changes from was (nil = nobody) to wanted.
func (d *Directory) replace(ctx context.Context, about news, was *symbolon.User, wanted symbolon.User) ([]symbolon.Change, error) {
	now := d.clock()
	if was == nil {
		wanted.ID, wanted.Created, wanted.Updated = symbolon.NewUserID(), now, now
		return []symbolon.Change{symbolon.PutUser{User: wanted}, about.event(symbolon.UserCreated, wanted.ID, now)}, nil
	}
	next := succeed(was, wanted, now)
	fields := changed(was, &next)
	if len(fields) == 0 {
		return nil, nil
	}
	changes := []symbolon.Change{was.Supersede(now), symbolon.PutUser{User: next}}
	if others := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return f == "disabled" }); len(others) > 0 {
		told := about.event(symbolon.UserChanged, was.ID, now)
		told.Data = map[string]any{"fields": others}
		changes = append(changes, told)
	}
	if was.Disabled == next.Disabled {
		return changes, nil
	}
	ends, err := d.endings(ctx, about, was.ID, now)
	if err != nil {
		return nil, err
	}
	return append(append(changes, ends...), about.event(symbolon.UserDisabled, was.ID, now)), nil
}

// succeed is what wanted makes of was.
func succeed(was *symbolon.User, wanted symbolon.User, now time.Time) symbolon.User {
	next := wanted
	next.ID, next.Created, next.Updated = was.ID, was.Created, after(was.Updated, now)
	if next.PasswordHash == "" {
		next.PasswordHash = was.PasswordHash
	}
	next.Disabled = was.Disabled || wanted.Disabled
	return next
}

// after is a time that differs from before: now, unless the clock stands still or goes back.
func after(before, now time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Microsecond)
}

// changed names the fields in which two versions differ, as JSON spells them.
func changed(was, next *symbolon.User) []string {
	var names []string
	for _, f := range []struct {
		name   string
		differ bool
	}{
		{"login", was.Login != next.Login},
		{"name", was.Name != next.Name},
		{"email", was.Email != next.Email},
		{"organisation", was.Organisation != next.Organisation},
		{"department", was.Department != next.Department},
		{"employment", was.Employment != next.Employment},
		{"groups", !slices.Equal(tidyGroups(was.Groups), next.Groups)},
		{"attributes", !sameAttributes(was.Attributes, next.Attributes)},
		{"password", was.PasswordHash != next.PasswordHash},
		{"disabled", was.Disabled != next.Disabled},
	} {
		if f.differ {
			names = append(names, f.name)
		}
	}
	return names
}

// sameAttributes compares as they are kept; what cannot be written is never the same.
func sameAttributes(a, b map[string]symbolon.Attribute) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	left, err1 := json.Marshal(a)
	right, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(left) == string(right)
}

// news is who does something, for the events of it.
type news struct{ actor, reason, requestID string }

func (n news) event(what symbolon.EventType, user symbolon.UserID, at time.Time) symbolon.Event {
	return symbolon.Event{
		ID: symbolon.NewEventID(), At: at, Type: what, Actor: n.actor, User: user, Reason: n.reason, RequestID: n.requestID,
	}
}
