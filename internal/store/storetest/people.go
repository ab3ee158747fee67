package storetest

import (
	"time"

	"symbolon.dev"
)

func (b *bench) user(login string) symbolon.User {
	return symbolon.User{
		ID: symbolon.NewUserID(), Login: login, Name: "Ann Ä.", Email: "ann@example.org", Organisation: "acme", Department: "r&d",
		Employment: "employee", Groups: []symbolon.GroupID{"staff", "on-call"}, PasswordHash: "$argon2id$…",
		Attributes: map[string]symbolon.Attribute{
			"site": {Value: "Berlin", Source: "scim", At: b.now, PII: true}, "level": {Value: 3.0, At: b.now},
		},
		Created: b.now, Updated: b.now,
	}
}

func users(b *bench) {
	ann := b.user("Ann")
	b.commit(symbolon.PutUser{User: ann})
	got(b, &ann)(b.User(ctx, ann.ID))
	got(b, &ann)(b.UserByLogin(ctx, "aNN"))
	none[symbolon.User](b)(b.User(ctx, "usr_nobody"))
	none[symbolon.User](b)(b.UserByLogin(ctx, "ann "))

	b.refused(symbolon.Conflict, symbolon.PutUser{User: b.user("ANN")})
	street := b.user("Straße")
	b.commit(symbolon.PutUser{User: street})
	b.refused(symbolon.Conflict, symbolon.PutUser{User: b.user("STRASSE")})
	b.refused(symbolon.Conflict, symbolon.PutUser{User: b.user("\uff33trasse")}) // a full-width S

	ann.Login, ann.Disabled, ann.Groups, ann.Attributes = "annie", true, nil, nil
	b.commit(symbolon.PutUser{User: ann})
	got(b, &ann)(b.User(ctx, ann.ID))
	none[symbolon.User](b)(b.UserByLogin(ctx, "ann"))

	bob := b.user("Bob")
	b.commit(symbolon.PutUser{User: bob})
	got(b, list(ann, bob, street))(b.Users(ctx, "", 10))
	got(b, list(bob))(b.Users(ctx, "ANNIE", 1))
	got(b, list[symbolon.User]())(b.Users(ctx, "zoe", 0))
}

func (b *bench) credential(user symbolon.UserID, handle string) symbolon.Credential {
	return symbolon.Credential{
		ID: symbolon.NewCredentialID(), User: user, Kind: "passkey", Name: "key", Handle: []byte(handle),
		Data: []byte{0, 1, 255}, Created: b.now, LastUsed: b.now.Add(time.Minute),
	}
}

func credentials(b *bench) {
	ann, bob := b.user("ann"), b.user("bob")
	first, second := b.credential(ann.ID, "\x00\xff1"), b.credential(ann.ID, "2")
	second.Created = second.Created.Add(time.Second)
	b.commit(symbolon.PutUser{User: ann}, symbolon.PutUser{User: bob},
		symbolon.PutCredential{Credential: second}, symbolon.PutCredential{Credential: first})
	got(b, list(first, second))(b.Credentials(ctx, ann.ID))
	got(b, &first)(b.CredentialByHandle(ctx, first.Handle))
	none[symbolon.Credential](b)(b.CredentialByHandle(ctx, nil))

	first.Name, first.Data = "renamed", []byte("new")
	b.commit(symbolon.PutCredential{Credential: first})
	got(b, &first)(b.CredentialByHandle(ctx, first.Handle))

	b.refused(symbolon.Conflict, symbolon.PutCredential{Credential: b.credential(bob.ID, "2")})
	stolen := first
	stolen.User = bob.ID
	b.refused(symbolon.Conflict, symbolon.PutCredential{Credential: stolen})
	b.refused(symbolon.NotFound, symbolon.DeleteCredential{ID: first.ID, User: bob.ID})
	b.commit(symbolon.DeleteCredential{ID: first.ID, User: ann.ID})
	b.refused(symbolon.NotFound, symbolon.DeleteCredential{ID: first.ID, User: ann.ID})

	b.commit(symbolon.DeleteUser{ID: ann.ID})
	none[symbolon.User](b)(b.User(ctx, ann.ID))
	none[symbolon.Credential](b)(b.CredentialByHandle(ctx, second.Handle))
	b.refused(symbolon.NotFound, symbolon.DeleteUser{ID: ann.ID})
}

func consents(b *bench) {
	ann := b.user("ann")
	wiki := symbolon.Consent{User: ann.ID, Client: "wiki", Resource: "pages", Scopes: []string{"read", "write"}, At: b.now}
	chat := symbolon.Consent{User: ann.ID, Client: "chat", Resource: "rooms", At: b.now}
	b.commit(symbolon.PutUser{User: ann}, symbolon.PutConsent{Consent: wiki}, symbolon.PutConsent{Consent: chat})
	wiki.Scopes, wiki.Declined, wiki.Details = []string{"read"}, []string{"write"}, []symbolon.Detail{`{"page":"<a>&b","type":"edit"}`}
	b.commit(symbolon.PutConsent{Consent: wiki})
	got(b, list(chat, wiki))(b.Consents(ctx, ann.ID))
	b.commit(symbolon.DeleteUser{ID: ann.ID})
	got(b, list[symbolon.Consent]())(b.Consents(ctx, ann.ID))
}

func (b *bench) session(user symbolon.UserID) symbolon.Session {
	id := symbolon.NewSessionID()
	return symbolon.Session{
		ID: id, User: user, Secret: symbolon.HashOf(string(id)), ACR: symbolon.ACRPhishing, AMR: []string{"swk", "user"},
		AuthTime: b.now, Agent: "Firefox on Linux", Created: b.now, LastSeen: b.now, Expires: b.now.Add(12 * time.Hour), Idle: time.Hour,
	}
}

func sessions(b *bench) {
	s := b.session("usr_ann")
	b.commit(symbolon.PutSession{Session: s})
	got(b, &s)(b.Session(ctx, s.ID))
	got(b, &s)(b.SessionBySecret(ctx, s.Secret))
	none[symbolon.Session](b)(b.SessionBySecret(ctx, symbolon.Hash{}))

	old := s.Secret
	s.Secret, s.ACR = symbolon.HashOf("raised"), symbolon.ACRHardware
	b.commit(symbolon.PutSession{Session: s})
	none[symbolon.Session](b)(b.SessionBySecret(ctx, old))
	got(b, &s)(b.SessionBySecret(ctx, s.Secret))

	s.LastSeen = b.now.Add(time.Minute)
	b.commit(symbolon.TouchSession{ID: s.ID, At: s.LastSeen}, symbolon.TouchSession{ID: s.ID, At: b.now}, symbolon.TouchSession{ID: "ses_none", At: b.now})
	got(b, &s)(b.Session(ctx, s.ID))

	s.Ended = b.now.Add(2 * time.Minute)
	b.commit(symbolon.EndSession{ID: s.ID, At: s.Ended})
	got(b, &s)(b.Session(ctx, s.ID))
	b.refused(symbolon.Conflict, symbolon.EndSession{ID: s.ID, At: b.now})
	b.refused(symbolon.NotFound, symbolon.EndSession{ID: "ses_none", At: b.now})
	alive := s
	alive.Ended = time.Time{}
	b.refused(symbolon.Conflict, symbolon.PutSession{Session: alive}) // what has ended stays so
	got(b, &s)(b.Session(ctx, s.ID))
}

func sessionLists(b *bench) {
	put := func(change func(*symbolon.Session)) symbolon.Session {
		s := b.session("usr_ann")
		change(&s)
		b.commit(symbolon.PutSession{Session: s})
		return s
	}
	older := put(func(s *symbolon.Session) { s.Created = b.now.Add(-time.Hour) })
	live := put(func(*symbolon.Session) {})
	ended := put(func(s *symbolon.Session) { s.Created, s.Ended = b.now.Add(-2*time.Hour), b.now.Add(-time.Hour) })
	idle := put(func(s *symbolon.Session) { s.Created, s.LastSeen = b.now.Add(-9*time.Hour), b.now.Add(-8*time.Hour) })
	put(func(s *symbolon.Session) { s.Ended = b.now.Add(-25 * time.Hour) })
	put(func(s *symbolon.Session) { s.LastSeen = b.now.Add(-26 * time.Hour) })
	put(func(s *symbolon.Session) { s.Expires = b.now.Add(-25 * time.Hour) })
	got(b, list(live, older, ended, idle))(b.SessionsOf(ctx, "usr_ann"))

	everybody := list(live, older)
	if older.ID < live.ID {
		everybody = list(older, live)
	}
	got(b, everybody)(b.Sessions(ctx, "", 10))
	got(b, everybody[1:])(b.Sessions(ctx, string(everybody[0].ID), 10))
}

func authorizations(b *bench) {
	a := symbolon.Authorization{
		ID: symbolon.NewAuthorizationID(), User: "usr_ann", Client: "wiki", Session: "ses_1", Resources: []symbolon.ResourceID{"pages"},
		Scopes: []string{"read"}, ACR: symbolon.ACRMulti, AMR: []string{"pwd", "otp"}, AuthTime: b.now, Created: b.now, Expires: b.now.Add(time.Hour),
		Details: []symbolon.Detail{`{"type":"pay"}`}, Userinfo: []string{"email"},
	}
	newer := a
	newer.ID, newer.Created, newer.Scopes = symbolon.NewAuthorizationID(), b.now.Add(time.Second), nil
	b.commit(symbolon.PutAuthorization{Authorization: a}, symbolon.PutAuthorization{Authorization: newer})
	got(b, &a)(b.Authorization(ctx, a.ID))
	none[symbolon.Authorization](b)(b.Authorization(ctx, "aut_none"))
	got(b, list(newer, a))(b.AuthorizationsOf(ctx, "usr_ann"))
	a.Scopes = []string{"read", "write"}
	b.commit(symbolon.PutAuthorization{Authorization: a})
	got(b, &a)(b.Authorization(ctx, a.ID))
	a.Client = "other"
	b.refused(symbolon.Conflict, symbolon.PutAuthorization{Authorization: a})
}
