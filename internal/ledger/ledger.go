// Package ledger counts who used what, and what was decided, without making anybody wait.
//
// Entries that say the same within one hour are one entry with a count. They gather in memory
// and go out in a batch each second; what cannot be sent is kept and sent with the next batch.
// Memory is bounded: past [maxDistinct] distinct entries the rest is counted under "overflow".
// State changes do not go here: they are events, and commit with what they tell of.
package ledger

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"symbolon.dev"
)

const (
	maxDistinct   = 8192
	flushInterval = time.Second
)

// Send delivers a batch: to the store, or to the issuer of a broker that stands alone.
type Send func(context.Context, []symbolon.LedgerEntry) error

// Ledger gathers entries.
type Ledger struct {
	send  Send
	clock symbolon.Clock
	log   *slog.Logger

	mu      sync.Mutex
	entries map[canonical]*symbolon.LedgerEntry
}

// canonical is what makes two entries the same.
type canonical struct {
	hour                                    int64
	kind, effect, subject, client, resource string
	action, policies, version, reason       string
}

// New makes a ledger; somebody must call [Ledger.Run].
func New(send Send, clock symbolon.Clock, log *slog.Logger) *Ledger {
	return &Ledger{send: send, clock: clock, log: log, entries: map[canonical]*symbolon.LedgerEntry{}}
}

// Add counts one use. Hour, Count, First and Last are filled in. It never blocks on I/O.
func (l *Ledger) Add(e symbolon.LedgerEntry) {
	now := l.clock()
	e.Hour, e.First, e.Last, e.Count = now.Truncate(time.Hour), now, now, 1
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(e)
}

func (l *Ledger) count(e symbolon.LedgerEntry) {
	key := keyOf(&e)
	if _, there := l.entries[key]; !there && len(l.entries) >= maxDistinct {
		e = symbolon.LedgerEntry{Hour: e.Hour, Kind: e.Kind, Effect: e.Effect, Reason: "overflow", Count: e.Count, First: e.First, Last: e.Last}
		key = keyOf(&e)
	}
	if there, ok := l.entries[key]; ok {
		there.Count += e.Count
		if e.First.Before(there.First) { // of a batch that could not be sent
			there.First = e.First
		}
		if !e.Last.Before(there.Last) {
			there.Last, there.Request = e.Last, e.Request
		}
		return
	}
	l.entries[key] = &e
}

func keyOf(e *symbolon.LedgerEntry) canonical {
	return canonical{e.Hour.Unix(), e.Kind, e.Effect, e.Subject, e.Client, e.Resource, e.Action,
		strings.Join(e.Policies, ","), e.Version, e.Reason}
}

// Run sends a batch each second until ctx ends, then a last one.
func (l *Ledger) Run(ctx context.Context) error {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			l.Flush(last)
			return nil
		case <-ticker.C:
			l.Flush(ctx)
		}
	}
}

// Flush sends what has gathered; on failure it is kept for the next time.
func (l *Ledger) Flush(ctx context.Context) {
	l.mu.Lock()
	gathered := l.entries
	l.entries = make(map[canonical]*symbolon.LedgerEntry, len(gathered))
	l.mu.Unlock()
	if len(gathered) == 0 {
		return
	}
	batch := make([]symbolon.LedgerEntry, 0, len(gathered))
	for _, e := range gathered {
		batch = append(batch, *e)
	}
	if err := l.send(ctx, batch); err != nil {
		l.log.WarnContext(ctx, "the access ledger could not be written; it is kept for the next try", "entries", len(batch), "cause", err)
		l.keep(batch)
	}
}

func (l *Ledger) keep(batch []symbolon.LedgerEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range batch {
		l.count(e)
	}
}
