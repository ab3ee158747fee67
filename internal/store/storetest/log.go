package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/store"
)

// linked reads the whole log and checks its numbers and its chain.
func (b *bench) linked(db *store.DB, want int) []symbolon.Event {
	b.Helper()
	var all []symbolon.Event
	var chain symbolon.Hash
	for {
		page, err := db.EventsAfter(ctx, int64(len(all)), 100)
		if err != nil {
			b.Fatal(err)
		}
		for i, e := range page {
			link, err := e.Link(chain)
			if err != nil || link != e.Chain || e.Seq != int64(len(all)+i+1) {
				b.Fatalf("entry %d of the log has number %d and does not link: %v", len(all)+i+1, e.Seq, err)
			}
			chain = link
		}
		if all = append(all, page...); len(page) == 0 {
			break
		}
	}
	if len(all) != want {
		b.Fatalf("%d events, want %d", len(all), want)
	}
	return all
}

func events(b *bench) {
	got(b, int64(0))(b.EventHead(ctx))
	got(b, list[symbolon.Event]())(b.EventsAfter(ctx, 0, 10))
	e := symbolon.Event{
		ID: symbolon.NewEventID(), At: b.now, Type: symbolon.SessionEnded, Actor: "usr_2", User: "usr_1", Session: "ses_1", Client: "wiki",
		Resource: "pages", Authorization: "aut_1", Token: "tok_1", Credential: "crd_1", Reason: "lost", RequestID: "req_1",
		Data: map[string]any{"deep": []any{map[string]any{"a": nil}}},
	}
	b.commit(e, symbolon.Event{Type: symbolon.LoginFailed})
	got(b, int64(2))(b.EventHead(ctx))
	found := b.linked(b.DB, 2)
	e.Seq, e.Chain = 1, found[0].Chain
	got(b, e)(found[0], nil)
	if found[1].ID == "" || !found[1].At.Equal(b.now) {
		b.Errorf("an event without id and time became %+v", found[1])
	}
	got(b, found[1:])(b.EventsAfter(ctx, 1, 10))
	got(b, found[:1])(b.EventsAfter(ctx, 0, 1))
}

// eventData: whatever JSON can say is linked as it will be read back.
func eventData(b *bench) {
	data := []map[string]any{
		{"int": math.MaxInt64, "float": 1e21, "small": 1e-7, "neg": math.Copysign(0, -1)},
		{"text": "<&>\u2028\x00\x7f é 🂡", "bad": "\xff", "": ""},
		{"raw": json.RawMessage(` {"z":1, "a" : [ ] } `), "number": json.Number("12345678901234567890.10")},
		{"time": time.Now(), "ids": []symbolon.ResourceID{"a"}, "user": b.user("x")},
		{},
	}
	for _, d := range data {
		// a time beyond microseconds, in another zone
		b.commit(symbolon.Event{Type: symbolon.UserChanged, At: b.now.Add(7).In(time.FixedZone("x", 3600)), Data: d})
	}
	b.linked(b.DB, len(data))
}

func eventSearch(b *bench) {
	at := func(n int) time.Time { return b.now.Add(time.Duration(n) * time.Minute) }
	b.commit(
		symbolon.Event{Type: symbolon.SessionStarted, At: at(0), Actor: "usr_1", User: "usr_1", Session: "ses_1"},
		symbolon.Event{Type: symbolon.SessionEnded, At: at(1), Actor: "usr_9", User: "usr_1", Session: "ses_1", RequestID: "req_1"},
		symbolon.Event{Type: symbolon.LoginFailed, At: at(2), Actor: "system", User: "usr_2"},
		symbolon.Event{Type: symbolon.SessionStarted, At: at(3), Actor: "usr_2", User: "usr_2", Session: "ses_2", Client: "usr_1"})
	for name, c := range map[string]struct {
		query symbolon.EventQuery
		want  []int64
	}{
		"everything":       {symbolon.EventQuery{}, []int64{4, 3, 2, 1}},
		"a limit":          {symbolon.EventQuery{Limit: 2}, []int64{4, 3}},
		"the page before":  {symbolon.EventQuery{Before: 3}, []int64{2, 1}},
		"a type":           {symbolon.EventQuery{Types: list(symbolon.SessionStarted)}, []int64{4, 1}},
		"two types":        {symbolon.EventQuery{Types: list(symbolon.LoginFailed, symbolon.SessionEnded)}, []int64{3, 2}},
		"an actor":         {symbolon.EventQuery{Actor: "usr_9"}, []int64{2}},
		"any field":        {symbolon.EventQuery{Subject: "usr_1"}, []int64{4, 2, 1}},
		"a request":        {symbolon.EventQuery{Subject: "req_1"}, []int64{2}},
		"a session":        {symbolon.EventQuery{Subject: "ses_2"}, []int64{4}},
		"times":            {symbolon.EventQuery{From: at(1), To: at(3)}, []int64{3, 2}},
		"all of it":        {symbolon.EventQuery{Types: list(symbolon.SessionEnded), Actor: "usr_9", Subject: "ses_1", From: at(0), To: at(9), Before: 9, Limit: 9}, []int64{2}},
		"nothing":          {symbolon.EventQuery{Subject: "usr_9"}, nil},
		"not by the empty": {symbolon.EventQuery{Subject: "system"}, nil},
	} {
		found, err := b.SearchEvents(ctx, c.query)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		var seqs []int64
		for _, e := range found {
			seqs = append(seqs, e.Seq)
		}
		if !reflect.DeepEqual(seqs, c.want) {
			b.Errorf("%s: %v, want %v", name, seqs, c.want)
		}
	}
}

// watch: every commit with events wakes, those of another replica too where there are replicas.
func watch(b *bench) {
	writer := b.DB
	if b.Shared() {
		writer = b.open()
	}
	watching, stop := context.WithCancel(ctx)
	woken, done := make(chan bool, 1), make(chan error, 1)
	go func() {
		done <- b.Watch(watching, func() {
			select {
			case woken <- true:
			default:
			}
		})
	}()
	<-woken // it stands
	for i := range 20 {
		if err := writer.Commit(ctx, symbolon.Event{Type: symbolon.UserChanged}); err != nil {
			b.Fatal(err)
		}
		for {
			if head, err := b.EventHead(ctx); err != nil || head > int64(i) {
				break
			}
			<-woken
		}
	}
	stop()
	if err := <-done; err != nil {
		b.Errorf("watch: %v", err)
	}
}

// logOfTwoReplicas: who tails by number while two replicas write misses nothing.
func logOfTwoReplicas(b *bench) {
	const writers, each = 8, 25
	replicas := []*store.DB{b.DB, b.open()}
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for n := range each {
				id := fmt.Sprint(w, ".", n)
				changes := list[symbolon.Change](symbolon.IssueToken{Token: b.token(id)}, symbolon.Event{Type: symbolon.TokenRevoked, Reason: id})
				if err := replicas[w%2].Commit(ctx, changes...); err != nil {
					b.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	seen, seq := map[string]bool{}, int64(0)
	for len(seen) < writers*each && !b.Failed() {
		page, err := replicas[len(seen)%2].EventsAfter(ctx, seq, 7)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range page {
			if e.Seq != seq+1 || seen[e.Reason] {
				b.Fatalf("number %d (%s) came after %d", e.Seq, e.Reason, seq)
			}
			seq, seen[e.Reason] = e.Seq, true
			if _, err := b.Token(ctx, symbolon.HashOf(e.Reason)); err != nil {
				b.Fatalf("the event came before its change: %v", err)
			}
		}
	}
	wait.Wait()
	b.linked(b.DB, writers*each)
}

func ledger(b *bench) {
	hour := b.now.Truncate(time.Hour)
	entry := symbolon.LedgerEntry{
		Hour: hour, Kind: "access", Effect: "allow", Subject: "usr_1", Client: "broker", Resource: "wiki", Action: "GET",
		Policies: []string{"base", "wiki"}, Version: "v1", Count: 2, First: b.now, Last: b.now.Add(time.Second), Request: "req_1",
	}
	same, denied := entry, entry
	same.Count, same.First, same.Last, same.Request = 3, b.now.Add(-time.Second), b.now.Add(time.Minute), "req_2"
	denied.Effect, denied.Policies, denied.Hour, denied.Reason = "deny", nil, hour.Add(time.Hour), "no \x00 policy"
	add := func(entries ...symbolon.LedgerEntry) {
		b.Helper()
		if err := b.AddLedger(ctx, entries); err != nil {
			b.Fatal(err)
		}
	}
	add()
	add(entry, denied, same)
	late := entry
	late.Count, late.Request, late.Last = 1, "req_0", b.now.Add(-time.Hour)
	add(late)
	sum := same
	sum.Count = 6
	denied.Reason = "no \ufffd policy"
	got(b, list(denied, sum))(b.SearchLedger(ctx, symbolon.LedgerQuery{}))
	got(b, list(sum))(b.SearchLedger(ctx, symbolon.LedgerQuery{Kind: "access", Effect: "allow", Subject: "usr_1", Client: "broker", Resource: "wiki", From: hour, To: hour.Add(time.Hour)}))
	got(b, list(denied))(b.SearchLedger(ctx, symbolon.LedgerQuery{From: hour.Add(time.Hour)}))
	got(b, list(denied))(b.SearchLedger(ctx, symbolon.LedgerQuery{Limit: 1}))
	got(b, list[symbolon.LedgerEntry]())(b.SearchLedger(ctx, symbolon.LedgerQuery{Subject: "usr_2"}))
}
