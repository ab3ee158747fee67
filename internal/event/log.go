// Package event follows the ordered log of what happened and fans it out.
//
// The store numbers events without gaps in commit order; [Log] tails them by that number, so it misses
// none and repeats none, whichever replica wrote them. Its laws:
//
//   - Subscribers are called in order, one event at a time, by the goroutine of [Log.Run]. Only then
//     does [Log.Head] move. Who has been given an event by [Log.After], or woken by [Log.Wait],
//     can rely on every cache of this process having heard of it before.
//   - A cache loads its state after [Log.Open] and subscribes before [Log.Run]; then no change
//     falls between the two.
//   - Each entry is checked against the one before it ([Verify]); a log that was tampered with is
//     reported, and still followed: revocations in it must not be lost.
package event

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"symbolon.dev"
)

// Source is what the log needs of a store. Watch calls wake when there may be new events, once at
// the start, and returns when ctx ends.
type Source interface {
	EventsAfter(ctx context.Context, seq int64, limit int) ([]symbolon.Event, error)
	EventHead(ctx context.Context) (int64, error)
	Watch(ctx context.Context, wake func()) error
}

const (
	pageSize   = 500         // events read at once
	keepRecent = 1024        // events held in memory, for receivers that are nearly up to date
	retryAfter = time.Second // when the store fails
)

// Log follows a Source.
type Log struct {
	source      Source
	log         *slog.Logger
	subscribers []func(symbolon.Event) // fixed once Run has begun
	chain       symbolon.Hash          // of the event at head; Run alone uses it

	mu     sync.RWMutex
	opened bool
	head   int64
	recent []symbolon.Event // the last of them is the event at head
	moved  chan struct{}    // closed and replaced when head moves
}

// New makes a log that is not open yet.
func New(source Source, log *slog.Logger) *Log {
	return &Log{source: source, log: log, moved: make(chan struct{})}
}

// Subscribe has f called for each event from where the log was opened. Call it before Run.
func (l *Log) Subscribe(f func(symbolon.Event)) { l.subscribers = append(l.subscribers, f) }

// Open fixes where the log begins: after the last event there is now. Run does it if nobody has.
func (l *Log) Open(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened {
		return nil
	}
	head, err := l.source.EventHead(ctx)
	if err != nil {
		return err
	}
	if head > 0 {
		last, err := l.source.EventsAfter(ctx, head-1, 1)
		if err != nil {
			return err
		}
		if len(last) == 1 {
			l.chain = last[0].Chain
		}
	}
	l.head, l.opened = head, true
	return nil
}

// Run follows the source until ctx ends, then returns nil. Trouble with the store is logged
// and tried again.
func (l *Log) Run(ctx context.Context) error {
	if err := l.Open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	bell := make(chan struct{}, 1)
	watch := make(chan error, 1)
	go func() { watch <- l.source.Watch(ctx, func() { ring(bell) }) }()
	for {
		var again <-chan time.Time
		if err := l.catchUp(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("the event log cannot be read", "error", err)
			again = time.After(retryAfter)
		}
		select {
		case <-bell:
		case <-again:
		case err := <-watch:
			return err
		}
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// catchUp hands out whatever there is.
func (l *Log) catchUp(ctx context.Context) error {
	for {
		events, err := l.source.EventsAfter(ctx, l.Head(), pageSize)
		if err != nil || len(events) == 0 {
			return err
		}
		l.check(events)
		for _, e := range events {
			for _, f := range l.subscribers {
				f(e)
			}
		}
		l.advance(events)
	}
}

func (l *Log) check(events []symbolon.Event) {
	if first := events[0].Seq; first != l.Head()+1 {
		l.log.Error("the event log has a gap", "after", l.Head(), "found", first)
	} else if err := Verify(events, l.chain); err != nil {
		l.log.Error("the event log was changed from outside", "error", err)
	}
	l.chain = events[len(events)-1].Chain
}

// advance moves the head and wakes who waits for it.
func (l *Log) advance(events []symbolon.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = append(l.recent, events...)
	if extra := len(l.recent) - keepRecent; extra > keepRecent {
		l.recent = append([]symbolon.Event(nil), l.recent[extra:]...)
	}
	l.head = events[len(events)-1].Seq
	close(l.moved)
	l.moved = make(chan struct{})
}

// Head is the number of the last event that every subscriber has heard.
func (l *Log) Head() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

// After lists the events that follow seq, in order, none beyond Head.
func (l *Log) After(ctx context.Context, seq int64, limit int) ([]symbolon.Event, error) {
	events, head, held := l.remembered(seq, limit)
	if held {
		return events, nil
	}
	events, err := l.source.EventsAfter(ctx, seq, limit)
	for len(events) > 0 && events[len(events)-1].Seq > head {
		events = events[:len(events)-1]
	}
	return events, err
}

// remembered answers from memory if it can.
func (l *Log) remembered(seq int64, limit int) (events []symbolon.Event, head int64, held bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if seq >= l.head {
		return nil, l.head, true
	}
	if len(l.recent) == 0 || l.recent[0].Seq > seq+1 {
		return nil, l.head, false
	}
	events = l.recent[seq+1-l.recent[0].Seq:]
	if limit > 0 && limit < len(events) {
		events = events[:limit]
	}
	return append([]symbolon.Event(nil), events...), l.head, true
}

// Wait returns nil as soon as Head is beyond seq, or the error of ctx when that ends first.
func (l *Log) Wait(ctx context.Context, seq int64) error {
	for {
		l.mu.RLock()
		head, moved := l.head, l.moved
		l.mu.RUnlock()
		if head > seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
