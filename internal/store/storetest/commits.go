package storetest

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// atomic: a list that fails anywhere leaves nothing behind, neither rows nor numbers.
func atomic(b *bench) {
	used := b.token("used")
	b.commit(symbolon.IssueToken{Token: used}, symbolon.UseToken{Hash: used.Hash, At: b.now})
	b.refused(symbolon.Conflict,
		symbolon.Event{Type: symbolon.TokenRevoked, Reason: "must not be told"},
		symbolon.IssueToken{Token: b.token("new")},
		symbolon.PutUser{User: b.user("ann")},
		symbolon.UseToken{Hash: used.Hash, At: b.now},
		symbolon.DeleteObject{Kind: "client", ID: "none"}) // the first that fails says why
	none[symbolon.Token](b)(b.Token(ctx, symbolon.HashOf("new")))
	none[symbolon.User](b)(b.UserByLogin(ctx, "ann"))
	got(b, int64(0))(b.EventHead(ctx))

	first, second := b.token("first"), b.token("second")
	b.commit(symbolon.IssueToken{Token: first}, symbolon.UseToken{Hash: first.Hash, At: b.now}, symbolon.IssueToken{Token: second},
		symbolon.Event{Type: symbolon.TokenReplayed}) // in order: what is used was issued before
	got(b, int64(1))(b.EventHead(ctx))
	b.commit()
}

// onlyTheGuiltyFail: those who share a transaction with a Commit that fails do not notice.
func onlyTheGuiltyFail(b *bench) {
	used := b.token("used")
	b.commit(symbolon.IssueToken{Token: used}, symbolon.UseToken{Hash: used.Hash, At: b.now})
	var wait sync.WaitGroup
	for i := range 128 {
		wait.Go(func() {
			change := symbolon.Change(symbolon.IssueToken{Token: b.token(fmt.Sprint(i))})
			if i%2 == 0 {
				change = symbolon.UseToken{Hash: used.Hash, At: b.now}
			}
			err := b.Commit(ctx, change, symbolon.PutUser{User: b.user(fmt.Sprint("user", i))}, symbolon.Event{Type: symbolon.UserCreated, Reason: fmt.Sprint(i)})
			if guilty := i%2 == 0; guilty != (err != nil) || guilty && KindOf(err) != symbolon.Conflict {
				b.Errorf("%d: %v", i, err)
			}
		})
	}
	wait.Wait()
	b.linked(b.DB, 64)
	for i := range 128 {
		if _, err := b.UserByLogin(ctx, fmt.Sprint("user", i)); (i%2 == 0) != (err != nil) {
			b.Errorf("user %d: %v", i, err)
		}
	}
}

// hook: it is called for each Commit, in order, before the caller is answered.
func hook(b *bench) {
	var mu sync.Mutex
	var told [][]symbolon.Change
	db := b.open(func(o *store.Options) {
		o.Committed = func(changes []symbolon.Change) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, changes)
		}
	})
	token := symbolon.IssueToken{Token: b.token("t")}
	if err := db.Commit(ctx, token, symbolon.Event{Type: symbolon.UserCreated}); err != nil {
		b.Fatal(err)
	}
	if err := db.Commit(ctx, token); err == nil {
		b.Fatal("issued twice")
	}
	if len(told) != 1 || !reflect.DeepEqual(told[0][0], symbolon.Change(token)) || told[0][1].(symbolon.Event).Seq != 1 {
		b.Fatalf("told %+v", told)
	}
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for range 8 {
				if err := db.Commit(ctx, symbolon.Event{Type: symbolon.UserChanged}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for i, changes := range told[1:] {
		if seq := changes[0].(symbolon.Event).Seq; seq != int64(i)+2 {
			b.Fatalf("call %d told of event %d", i, seq)
		}
	}
}

// cancelled: who gives up before the turn comes has changed nothing.
func cancelled(b *bench) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	b.fails(b.DB.Commit(gone, symbolon.IssueToken{Token: b.token("t")}), symbolon.Unavailable)
	none[symbolon.Token](b)(b.Token(ctx, symbolon.HashOf("t")))
	_, err := b.Token(gone, symbolon.HashOf("t"))
	b.fails(err, symbolon.Unavailable)

	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			impatient, cancel := context.WithCancel(ctx)
			go cancel()
			err := b.DB.Commit(impatient, symbolon.IssueToken{Token: b.token(fmt.Sprint(i))})
			if _, missing := b.Token(ctx, symbolon.HashOf(fmt.Sprint(i))); (err == nil) != (missing == nil) {
				b.Errorf("%d: answered %v, found %v", i, err, missing)
			}
		})
	}
	wait.Wait()
}

// closing: what was accepted is finished, what comes later is refused.
func closing(b *bench) {
	db, other := b.open(), b.DB
	var wait sync.WaitGroup
	answers := make([]error, 200)
	started := make(chan bool, len(answers))
	for i := range answers {
		wait.Go(func() {
			started <- true
			answers[i] = db.Commit(ctx, symbolon.IssueToken{Token: b.token(fmt.Sprint(i))})
		})
	}
	for range len(answers) / 2 {
		<-started
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	wait.Wait()
	for i, err := range answers {
		if err != nil {
			b.fails(err, symbolon.Unavailable)
		}
		if _, missing := other.Token(ctx, symbolon.HashOf(fmt.Sprint(i))); (err == nil) != (missing == nil) {
			b.Errorf("%d: answered %v, found %v", i, err, missing)
		}
	}
	b.fails(db.Commit(ctx, symbolon.ClearAttempts{}), symbolon.Unavailable)
	_, err := db.Keys(ctx)
	b.fails(err, symbolon.Unavailable)
	b.fails(db.Ping(ctx), symbolon.Unavailable)
}

// hostileText: what one database could not hold is refused by all, or made clean where it is free
// text, and never finds anything.
func hostileText(b *bench) {
	for _, text := range []string{"nul\x00", "latin\xe4", "half\xed\xa0\x80"} {
		b.refused(symbolon.Invalid, symbolon.PutUser{User: symbolon.User{ID: "usr_1", Login: text}})
		none[symbolon.User](b)(b.UserByLogin(ctx, text))
		got(b, list[symbolon.Object]())(b.Objects(ctx, text))
		s := b.session("usr_1")
		s.Agent = text
		b.commit(symbolon.PutSession{Session: s},
			symbolon.Event{Type: symbolon.LoginFailed, Actor: text, Reason: text, Data: map[string]any{"login": text, text: 1}})
		b.fails(b.Commit(ctx, symbolon.DeleteObject{Kind: "client", ID: text}), symbolon.Invalid)
	}
	b.linked(b.DB, 3)
	for _, text := range []string{`'; DROP TABLE users; --`, `" OR 1=1`, "$1", "?", "%", `\`} {
		none[symbolon.User](b)(b.UserByLogin(ctx, text))
		b.commit(symbolon.PutUser{User: b.user(text)})
		if u, err := b.UserByLogin(ctx, text); err != nil || u.Login != text {
			b.Errorf("%q: %v, %v", text, u, err)
		}
	}
}

// brokenData: a change that cannot be written is refused and harms nobody.
func brokenData(b *bench) {
	b.refused(symbolon.Invalid, symbolon.Event{Type: symbolon.LoginFailed, Data: map[string]any{"f": func() {}}})
	u := b.user("ann")
	u.Attributes["f"] = symbolon.Attribute{Value: func() {}}
	b.refused(symbolon.Invalid, symbolon.PutUser{User: u})
	b.refused(symbolon.Internal, &symbolon.PutUser{User: u}) // changes are values
	b.refused(symbolon.Internal, nil)
}

// readYourWrites: a replica sees what another has acknowledged.
func readYourWrites(b *bench) {
	other := b.open()
	for i := range 50 {
		t := b.token(fmt.Sprint(i))
		b.commit(symbolon.IssueToken{Token: t})
		got(b, &t)(other.Token(ctx, t.Hash))
	}
}
