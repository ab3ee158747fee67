package storetest

import (
	"time"

	"symbolon.dev"
)

func (b *bench) token(secret string) symbolon.Token {
	return symbolon.Token{
		Hash: symbolon.HashOf(secret), ID: symbolon.NewTokenID(), Kind: symbolon.RefreshToken, Authorization: "aut_1", Session: "ses_1",
		User: "usr_1", Client: "wiki", Issued: b.now, Expires: b.now.Add(time.Hour), Data: []byte("sealed\x00\xff"),
	}
}

func tokens(b *bench) {
	t := b.token("t")
	b.commit(symbolon.IssueToken{Token: t})
	got(b, &t)(b.Token(ctx, t.Hash))
	none[symbolon.Token](b)(b.Token(ctx, symbolon.HashOf("other")))
	b.refused(symbolon.Conflict, symbolon.IssueToken{Token: t})

	t.Used = b.now.Add(time.Minute)
	b.commit(symbolon.UseToken{Hash: t.Hash, At: t.Used})
	got(b, &t)(b.Token(ctx, t.Hash))
	b.refused(symbolon.Conflict, symbolon.UseToken{Hash: t.Hash, At: b.now})
	b.refused(symbolon.NotFound, symbolon.UseToken{Hash: symbolon.HashOf("other"), At: b.now})
	got(b, &t)(b.Token(ctx, t.Hash))
}

// statuses: a place is given once, to one token, and is swept an hour after its end.
func statuses(b *bench) {
	place := func(list string, index int, ends time.Duration) symbolon.Status {
		return symbolon.Status{Token: symbolon.NewTokenID(), List: list, Index: index, Issued: b.now, Expires: b.now.Add(ends), Targets: []string{"tok_1", "wiki"}}
	}
	last, first, other := place("a", 65535, time.Hour), place("a", 0, -time.Hour), place("b", 0, time.Hour)
	b.commit(symbolon.ListStatus{Status: last}, symbolon.ListStatus{Status: first}, symbolon.ListStatus{Status: other})
	got(b, list(first, last))(b.Statuses(ctx, "a"))
	got(b, list(other))(b.Statuses(ctx, "b"))
	got(b, list[symbolon.Status]())(b.Statuses(ctx, "c"))
	b.refused(symbolon.Conflict, symbolon.ListStatus{Status: place("a", 0, time.Hour)})
	last.Index = 7
	b.refused(symbolon.Conflict, symbolon.ListStatus{Status: last})
	got(b, 0)(b.Sweep(ctx, b.now.Add(-time.Second), 100))
	got(b, 1)(b.Sweep(ctx, b.now, 100))
	last.Index = 65535
	got(b, list(last))(b.Statuses(ctx, "a"))
}

func (b *bench) ticket(secret string) symbolon.Ticket {
	return symbolon.Ticket{
		Hash: symbolon.HashOf(secret), Kind: symbolon.CodeTicket, User: "usr_1", Expires: b.now.Add(time.Minute), Data: []byte("sealed"),
	}
}

func tickets(b *bench) {
	t := b.ticket("t")
	b.commit(symbolon.IssueTicket{Ticket: t})
	got(b, &t)(b.Ticket(ctx, t.Hash))
	b.refused(symbolon.Conflict, symbolon.IssueTicket{Ticket: t})
	none[symbolon.Ticket](b)(b.Ticket(ctx, symbolon.Hash{}))

	use := symbolon.UseTicket{Hash: t.Hash, Kind: t.Kind, At: b.now.Add(time.Second), Authorization: "aut_1"}
	wrong := use
	wrong.Kind = symbolon.EnrolmentTicket
	b.refused(symbolon.NotFound, wrong) // a code is no enrolment link
	b.commit(use)
	t.Used, t.Authorization = use.At, use.Authorization
	got(b, &t)(b.Ticket(ctx, t.Hash))
	use.Authorization = "aut_2"
	b.refused(symbolon.Conflict, use)
	use.Hash = symbolon.Hash{}
	b.refused(symbolon.NotFound, use)
	got(b, &t)(b.Ticket(ctx, t.Hash))
}

// waiting: a person finds what waits for their answer, and nobody else's; not what is used or over.
func waiting(b *bench) {
	ask := func(secret string, user symbolon.UserID, ends time.Duration) symbolon.Ticket {
		t := b.ticket(secret)
		t.Kind, t.User, t.Expires = symbolon.BackchannelTicket, user, b.now.Add(ends)
		b.commit(symbolon.IssueTicket{Ticket: t})
		return t
	}
	first, second := ask("first", "usr_1", time.Minute), ask("second", "usr_1", time.Hour)
	ask("another's", "usr_2", time.Hour)
	used := ask("used", "usr_1", time.Hour)
	b.commit(symbolon.IssueTicket{Ticket: b.ticket("a code")}, symbolon.UseTicket{Hash: used.Hash, Kind: used.Kind, At: b.now})
	got(b, list(second, first))(b.Waiting(ctx, "usr_1", b.now))
	got(b, list(second))(b.Waiting(ctx, "usr_1", first.Expires))
	got(b, list[symbolon.Ticket]())(b.Waiting(ctx, "usr_3", b.now))
}

func marks(b *bench) {
	mark := symbolon.MarkOnce{Key: symbolon.HashOf("jti"), Expires: b.now.Add(time.Minute)}
	b.commit(mark)
	b.refused(symbolon.Conflict, mark)
	mark.Expires = mark.Expires.Add(time.Hour)
	b.refused(symbolon.Conflict, mark)
	b.now = b.now.Add(time.Minute) // it may come again although nobody has swept
	b.commit(mark)
	b.refused(symbolon.Conflict, mark)
}

func revocations(b *bench) {
	hour := func(n int) time.Time { return b.now.Add(time.Duration(n) * time.Hour) }
	revoke := func(before, until time.Time) {
		b.commit(symbolon.Revoke{Revocation: symbolon.Revocation{Target: "usr_1", Before: before, Until: until}})
	}
	is := func(before, until time.Time) {
		b.Helper()
		got(b, list(symbolon.Revocation{Target: "usr_1", Before: before, Until: until}))(b.Revocations(ctx, "ses_1", "usr_1", "usr_2"))
	}
	revoke(hour(1), hour(5))
	is(hour(1), hour(5))
	revoke(hour(2), hour(4)) // it only widens
	is(hour(2), hour(5))
	revoke(hour(1), hour(6))
	is(hour(2), hour(6))
	revoke(time.Time{}, hour(1))
	is(time.Time{}, hour(6))
	revoke(hour(3), time.Time{})
	is(time.Time{}, time.Time{})

	got(b, list[symbolon.Revocation]())(b.Revocations(ctx))
	got(b, list[symbolon.Revocation]())(b.Revocations(ctx, "usr_2", "bad\x00name"))
	b.commit(symbolon.Revoke{Revocation: symbolon.Revocation{Target: "aut_1", Until: hour(1)}})
	got(b, list(symbolon.Revocation{Target: "aut_1", Until: hour(1)}, symbolon.Revocation{Target: "usr_1"}))(b.AllRevocations(ctx))

	many := make([]string, 1000)
	many[999] = "aut_1"
	got(b, list(symbolon.Revocation{Target: "aut_1", Until: hour(1)}))(b.Revocations(ctx, many...))
}

func attempts(b *bench) {
	fail := func(key string, ends time.Duration) symbolon.Attempt {
		return symbolon.Attempt{Key: key, At: b.now, Expires: b.now.Add(ends)}
	}
	b.commit(fail("ann", time.Minute), fail("ann", time.Minute), fail("ann", time.Hour), fail("bob\x00\xff", time.Hour))
	got(b, 3)(b.Attempts(ctx, "ann"))
	got(b, 1)(b.Attempts(ctx, "bob\x00\xff")) // a key may be what somebody typed
	got(b, 0)(b.Attempts(ctx, "zoe"))
	b.now = b.now.Add(time.Minute)
	got(b, 1)(b.Attempts(ctx, "ann"))
	b.commit(symbolon.ClearAttempts{Key: "ann"}, symbolon.ClearAttempts{Key: "zoe"})
	got(b, 0)(b.Attempts(ctx, "ann"))
	got(b, 1)(b.Attempts(ctx, "bob\x00\xff"))
}
