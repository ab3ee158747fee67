package storetest

import (
	"fmt"
	"time"

	"symbolon.dev"
)

// sweep: what has expired goes, the rest stays.
func sweep(b *bench) {
	day := 24 * time.Hour
	old, fresh := b.now.Add(-time.Minute), b.now.Add(time.Minute)
	for name, ends := range map[string]time.Time{"old": old, "fresh": fresh} {
		token, ticket, used, lateUsed := b.token(name), b.ticket(name), b.ticket("used "+name), b.ticket("late "+name)
		token.Expires, ticket.Expires, used.Expires, lateUsed.Expires = ends, ends, ends.Add(-day), ends
		session := b.session("usr_1")
		session.ID, session.Secret, session.Expires = symbolon.SessionID("ses_"+name), symbolon.HashOf("ses"+name), ends.Add(-day)
		b.commit(symbolon.IssueToken{Token: token}, symbolon.IssueTicket{Ticket: ticket},
			symbolon.IssueTicket{Ticket: used}, symbolon.UseTicket{Hash: used.Hash, Kind: used.Kind, At: b.now},
			symbolon.IssueTicket{Ticket: lateUsed}, symbolon.UseTicket{Hash: lateUsed.Hash, Kind: lateUsed.Kind, At: b.now},
			symbolon.Revoke{Revocation: symbolon.Revocation{Target: "aut_" + name, Until: ends}},
			symbolon.Attempt{Key: "ann", At: b.now, Expires: ends},
			symbolon.PutSession{Session: session},
			symbolon.PutAuthorization{Authorization: symbolon.Authorization{ID: symbolon.AuthorizationID("aut_" + name), User: "usr_1", Expires: ends}},
			symbolon.PutKey{Key: symbolon.SigningKey{ID: symbolon.KeyID("key_" + name), Expires: ends}},
			symbolon.MarkOnce{Key: symbolon.HashOf(name), Expires: ends})
	}
	b.commit(symbolon.Revoke{Revocation: symbolon.Revocation{Target: "usr_for_ever"}}, symbolon.PutKey{Key: symbolon.SigningKey{ID: "key_endless"}})
	got(b, 9)(b.Sweep(ctx, b.now, 100))
	got(b, 0)(b.Sweep(ctx, b.now, 100))

	none[symbolon.Token](b)(b.Token(ctx, symbolon.HashOf("old")))
	none[symbolon.Ticket](b)(b.Ticket(ctx, symbolon.HashOf("old")))
	none[symbolon.Ticket](b)(b.Ticket(ctx, symbolon.HashOf("used old")))
	none[symbolon.Session](b)(b.Session(ctx, "ses_old"))
	none[symbolon.Authorization](b)(b.Authorization(ctx, "aut_old"))
	for _, secret := range list("fresh", "used fresh", "late old", "late fresh") { // a replay is still found
		if _, err := b.Ticket(ctx, symbolon.HashOf(secret)); err != nil {
			b.Errorf("%s: %v", secret, err)
		}
	}
	if _, err := b.Session(ctx, "ses_fresh"); err != nil {
		b.Error(err)
	}
	b.refused(symbolon.Conflict, symbolon.MarkOnce{Key: symbolon.HashOf("fresh"), Expires: fresh})
	got(b, list(symbolon.Revocation{Target: "aut_fresh", Until: fresh}, symbolon.Revocation{Target: "usr_for_ever"}))(b.AllRevocations(ctx))
	if keys, err := b.Keys(ctx); err != nil || len(keys) != 2 {
		b.Errorf("keys: %v, %v", keys, err)
	}
}

// sweepBatches: no call deletes more of a table than it was told.
func sweepBatches(b *bench) {
	for i := range 25 {
		token := b.token(fmt.Sprint(i))
		token.Expires = b.now.Add(-time.Second)
		b.commit(symbolon.IssueToken{Token: token}, symbolon.Attempt{Key: "ann", Expires: token.Expires})
	}
	for _, want := range list(20, 20, 10, 0) {
		got(b, want)(b.Sweep(ctx, b.now, 10))
	}
}
