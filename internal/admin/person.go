package admin

import (
	"context"
	"reflect"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/declare"
	"symbolon.dev/internal/directory"
)

// wanted is a person as declared, beside the one that is there.
type wanted struct {
	there  *symbolon.User // nil = nobody
	user   symbolon.User
	enable bool // the declaration says in so many words that the person is not disabled
}

// wantedOf reads a declaration. Invalid names what no person can have.
func wantedOf(p declare.Person, there *symbolon.User, now time.Time) (wanted, error) {
	w := wanted{there: there, user: userOf(p, there, now)}
	w.enable = there != nil && there.Disabled && p.Disabled != nil && !*p.Disabled
	if p.PasswordHash != "" {
		if err := authn.CheckHash(p.PasswordHash); err != nil {
			return w, symbolon.Errorf(symbolon.Invalid, "person %s: password_hash is no argon2id hash in PHC form; symbolon hash-password makes one", p.Login).Because(err)
		}
	}
	if err := directory.Check(&w.user); err != nil {
		return w, symbolon.Errorf(symbolon.Invalid, "person %s: %s", p.Login, err)
	}
	return w, nil
}

func (w wanted) put(ctx context.Context, d *directory.Directory, actor, requestID string) error {
	if err := d.Put(ctx, actor, requestID, w.user); err != nil || !w.enable {
		return err
	}
	return d.Enable(ctx, w.there.ID, actor, requestID)
}

// userOf makes the noun of what was declared about a person, who may be there already.
func userOf(p declare.Person, there *symbolon.User, now time.Time) symbolon.User {
	user := symbolon.User{
		Login: p.Login, Name: p.Name, Email: p.Email, Organisation: symbolon.OrganisationID(p.Organisation),
		Department: p.Department, Employment: p.Employment, PasswordHash: p.PasswordHash,
	}
	if there != nil {
		user.ID, user.Disabled = there.ID, there.Disabled
	}
	if p.Disabled != nil {
		user.Disabled = *p.Disabled
	}
	for _, g := range p.Groups {
		user.Groups = append(user.Groups, symbolon.GroupID(g))
	}
	user.Attributes = attributesOf(p, there, now)
	return user
}

const declaredHere = "declared"

// attributesOf keeps what is there and says the same, with its source and age, and what another
// source has said: that is not for a declaration to take back.
func attributesOf(p declare.Person, there *symbolon.User, now time.Time) map[string]symbolon.Attribute {
	attributes := map[string]symbolon.Attribute{}
	if there != nil {
		for name, a := range there.Attributes {
			if a.Source != declaredHere && a.Source != "" {
				attributes[name] = a
			}
		}
	}
	for name, value := range p.Attributes {
		attributes[name] = symbolon.Attribute{Value: value, Source: declaredHere, At: now}
		if there == nil {
			continue
		}
		if kept, ok := there.Attributes[name]; ok && reflect.DeepEqual(kept.Value, value) {
			attributes[name] = kept
		}
	}
	if len(attributes) == 0 {
		return nil
	}
	return attributes
}

// personOf is a person as they would be declared: without the password's hash, and without a word
// about being enabled, so that an old export never lets somebody in again.
func personOf(u *symbolon.User) declare.Person {
	p := declare.Person{Login: u.Login, Name: u.Name, Email: u.Email, Organisation: string(u.Organisation),
		Department: u.Department, Employment: u.Employment}
	if u.Disabled {
		p.Disabled = &u.Disabled
	}
	for _, g := range u.Groups {
		p.Groups = append(p.Groups, string(g))
	}
	for name, attribute := range u.Attributes {
		if p.Attributes == nil {
			p.Attributes = map[string]any{}
		}
		p.Attributes[name] = attribute.Value
	}
	return p
}
