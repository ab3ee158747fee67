package event_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/event"
	"symbolon.dev/internal/store/storetest"
)

func happened(t *testing.T, db interface {
	Commit(context.Context, ...symbolon.Change) error
}, reasons ...string) {
	t.Helper()
	for _, reason := range reasons {
		e := symbolon.Event{Type: symbolon.LoginFailed, Reason: reason, Data: map[string]any{"n": 1 << 40, "text": "<é>"}}
		if err := db.Commit(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// running starts a log that stops with the test.
func running(t *testing.T, l *event.Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func waitFor(t *testing.T, l *event.Log, seq int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.Wait(ctx, seq-1); err != nil {
		t.Fatalf("waiting for %d at %d: %v", seq, l.Head(), err)
	}
}

// S20: what follows the log hears everything since it was opened, once and in order.
func TestSubscribersHearEverythingInOrder(t *testing.T) {
	db := storetest.SQLite(t)
	happened(t, db, "before")
	l := event.New(db, slog.Default())
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	happened(t, db, "between") // a cache is loading

	var heard []int64
	l.Subscribe(func(e symbolon.Event) {
		if l.Head() >= e.Seq {
			t.Errorf("the head reached %d before the subscribers did", e.Seq)
		}
		heard = append(heard, e.Seq)
	})
	running(t, l)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() { happened(t, db, "a", "b", "c", "d") })
	}
	writers.Wait()
	waitFor(t, l, 34)
	if len(heard) != 33 {
		t.Fatalf("heard %d events", len(heard))
	}
	for i, seq := range heard {
		if seq != int64(i)+2 {
			t.Fatalf("heard %v", heard)
		}
	}
}

func TestAfterAnswersFromMemoryAndFromTheStore(t *testing.T) {
	db := storetest.SQLite(t)
	happened(t, db, "old", "older")
	l := event.New(db, slog.Default())
	if events, err := l.After(context.Background(), 0, 10); err != nil || len(events) != 0 {
		t.Fatalf("before it is open: %v, %v", events, err)
	}
	running(t, l)
	happened(t, db, "new", "newer")
	waitFor(t, l, 4)
	for _, c := range []struct {
		after int64
		limit int
		want  []string
	}{
		{0, 10, []string{"old", "older", "new", "newer"}},
		{1, 2, []string{"older", "new"}},
		{2, 10, []string{"new", "newer"}},
		{2, 1, []string{"new"}},
		{4, 10, nil},
		{99, 10, nil},
	} {
		events, err := l.After(context.Background(), c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != len(c.want) {
			t.Fatalf("after %d: %v", c.after, events)
		}
		for i, e := range events {
			if e.Reason != c.want[i] {
				t.Errorf("after %d: %q at %d", c.after, e.Reason, i)
			}
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	l := event.New(storetest.SQLite(t), slog.Default())
	running(t, l)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// S44: while the store fails the log waits, and then it goes on where it was.
func TestFollowsAgainAfterTheStoreFailed(t *testing.T) {
	db := storetest.SQLite(t)
	l := event.New(db, slog.New(slog.DiscardHandler))
	running(t, l)
	happened(t, db, "one")
	waitFor(t, l, 1)
	mend := storetest.Break(t, db, "events")
	if _, err := l.After(context.Background(), -1, 1); err == nil {
		t.Error("a broken store gave events")
	}
	mend()
	happened(t, db, "two")
	waitFor(t, l, 2)
}

// The log proves that nobody changed, removed or reordered an entry.
func TestVerifyFindsTampering(t *testing.T) {
	db := storetest.SQLite(t)
	happened(t, db, "one", "two", "three", "four")
	read := func() []symbolon.Event {
		events, err := db.EventsAfter(context.Background(), 0, 10)
		if err != nil || len(events) != 4 {
			t.Fatalf("%v, %v", events, err)
		}
		return events
	}
	if err := event.Verify(read(), symbolon.Hash{}); err != nil {
		t.Fatalf("an honest log: %v", err)
	}
	if err := event.Verify(read()[2:], read()[1].Chain); err != nil {
		t.Fatalf("an honest part: %v", err)
	}
	for name, tamper := range map[string]func([]symbolon.Event) []symbolon.Event{
		"a field":       func(e []symbolon.Event) []symbolon.Event { e[1].Reason = "2"; return e },
		"the time":      func(e []symbolon.Event) []symbolon.Event { e[1].At = e[1].At.Add(time.Microsecond); return e },
		"data":          func(e []symbolon.Event) []symbolon.Event { e[2].Data["n"] = 2.0; return e },
		"one removed":   func(e []symbolon.Event) []symbolon.Event { return append(e[:1], e[2:]...) },
		"first removed": func(e []symbolon.Event) []symbolon.Event { return e[1:] },
		"two reordered": func(e []symbolon.Event) []symbolon.Event { e[1], e[2] = e[2], e[1]; return e },
		"number":        func(e []symbolon.Event) []symbolon.Event { e[3].Seq = 5; return e },
		"chain recounted": func(e []symbolon.Event) []symbolon.Event {
			e[0].Reason = "1"
			e[0].Chain, _ = e[0].Link(symbolon.Hash{})
			return e
		},
	} {
		if err := event.Verify(tamper(read()), symbolon.Hash{}); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
