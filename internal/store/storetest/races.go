package storetest

import (
	"fmt"
	"sync"
	"time"

	"pgregory.net/rapid"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// singleUse: whatever is used once is used once, however many try at once at two replicas, in
// whatever mixture, with or without news of it. (S15, S17, S19)
func singleUse(b *bench) {
	replicas := []*store.DB{b.DB, b.open()}
	round := 0
	rapid.Check(b.T, func(r *rapid.T) {
		round++
		things := rapid.IntRange(1, 4).Draw(r, "things")
		kinds := rapid.SliceOfN(rapid.IntRange(0, 2), things, things).Draw(r, "kinds")
		told := rapid.Bool().Draw(r, "told")
		use := make([]symbolon.Change, things)
		for i, kind := range kinds {
			use[i] = b.usable(kind, fmt.Sprint(round, ".", i))
		}
		picks := rapid.SliceOfN(rapid.IntRange(0, things-1), 32, 32).Draw(r, "picks")

		wins := make([]int, things)
		var mu sync.Mutex
		var wait sync.WaitGroup
		for n, pick := range picks {
			wait.Go(func() {
				changes := list(use[pick])
				if told {
					changes = append(changes, symbolon.Event{Type: symbolon.TokenReplayed})
				}
				err := replicas[n%2].Commit(ctx, changes...)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					wins[pick]++
				case KindOf(err) != symbolon.Conflict:
					r.Errorf("using %T: %v", use[pick], err)
				}
			})
		}
		wait.Wait()
		for _, pick := range picks {
			if wins[pick] != 1 {
				r.Errorf("%T was used %d times", use[pick], wins[pick])
			}
		}
	})
}

// usable makes something and gives the change that uses it.
func (b *bench) usable(kind int, secret string) symbolon.Change {
	switch kind {
	case 0:
		t := b.token(secret)
		b.commit(symbolon.IssueToken{Token: t})
		return symbolon.UseToken{Hash: t.Hash, At: b.now}
	case 1:
		t := b.ticket(secret)
		b.commit(symbolon.IssueTicket{Ticket: t})
		return symbolon.UseTicket{Hash: t.Hash, Kind: t.Kind, At: b.now}
	}
	return symbolon.MarkOnce{Key: symbolon.HashOf(secret), Expires: b.now.Add(time.Hour)}
}

// crossedLocks: Commits that need the same rows in opposite orders all succeed, with and without
// events, at two replicas.
func crossedLocks(b *bench) {
	replicas := []*store.DB{b.DB, b.open()}
	const rows, writers, each = 4, 16, 10
	for i := range rows {
		s := b.session("usr_1")
		s.ID, s.Secret = symbolon.SessionID(fmt.Sprint("ses_", i)), symbolon.HashOf(fmt.Sprint(i))
		b.commit(symbolon.PutSession{Session: s})
	}
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for n := range each {
				var changes []symbolon.Change
				for i := range rows {
					at := b.now.Add(time.Duration(n*writers+w+1) * time.Second)
					changes = append(changes, symbolon.TouchSession{ID: symbolon.SessionID(fmt.Sprint("ses_", (w+i*(w%3+1))%rows)), At: at})
				}
				if w%4 < 2 {
					changes = append(changes, symbolon.Event{Type: symbolon.UserChanged})
				}
				if err := replicas[w%2].Commit(ctx, changes...); err != nil {
					b.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wait.Wait()
	b.linked(b.DB, writers*each/2)
}
