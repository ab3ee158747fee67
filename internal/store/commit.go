package store

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"symbolon.dev"
)

const (
	queueLength  = 4096 // Commits that may wait in a lane; more wait at its door
	batchLength  = 512  // Commits in one transaction
	writeTimeout = 30 * time.Second
)

// pending is a Commit on its way.
type pending struct {
	changes []symbolon.Change
	list    []statement
	events  []int // which of changes are events
	state   atomic.Int32
	err     error
	giveUp  time.Time // when one that loses races for locks is tried no more; set by the first loss
	done    chan struct{}
}

const (
	waiting int32 = iota
	taking        // by a lane: it will be answered
	left          // by its caller
)

// Commit makes all changes or none, and returns when they are durable. It fails with the kind that
// the change's own comment names. If ctx ends while it waits for its turn, nothing happens; once its
// turn has come it is answered, whatever becomes of ctx.
func (db *DB) Commit(ctx context.Context, changes ...symbolon.Change) error {
	p := &pending{changes: append([]symbolon.Change(nil), changes...)}
	for i, change := range p.changes {
		if event, ok := change.(symbolon.Event); ok {
			settled, err := db.settle(event)
			if err != nil {
				return err
			}
			p.changes[i] = settled
			p.events = append(p.events, i)
			continue
		}
		list, err := db.plan(change)
		if err != nil {
			return err
		}
		p.list = append(p.list, list...)
	}
	return db.submit(ctx, p)
}

// submit queues a Commit and waits for it.
func (db *DB) submit(ctx context.Context, p *pending) error {
	if len(p.list)+len(p.events) == 0 {
		return nil
	}
	if err := speakable(p.list); err != nil {
		return err
	}
	p.done = make(chan struct{})
	if err := db.enter(ctx, p); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		if p.state.CompareAndSwap(waiting, left) {
			return db.fault(ctx.Err())
		}
		<-p.done
	}
	return p.err
}

func (db *DB) enter(ctx context.Context, p *pending) error {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.closed {
		return symbolon.Errorf(symbolon.Unavailable, "the store is closed")
	}
	if err := ctx.Err(); err != nil {
		return db.fault(err)
	}
	l := db.lanes[0]
	if len(p.events) > 0 {
		l = db.lanes[len(db.lanes)-1]
	}
	select {
	case l.queue <- p:
		return nil
	case <-ctx.Done():
		return db.fault(ctx.Err())
	}
}

// lane is one writer and those who wait for it.
type lane struct {
	db    *DB
	queue chan *pending
	done  chan struct{}
	conn  writer     // nil until first used, and after it was lost
	late  []*pending // lost a race for locks; tried again at retry
	retry time.Time
}

func (l *lane) work() {
	defer close(l.done)
	for open := true; open || len(l.late) > 0; {
		var first *pending
		if first, open = l.next(); first != nil {
			l.commit(l.gather(first))
		}
		if len(l.late) > 0 && !time.Now().Before(l.retry) {
			l.again()
		}
	}
	if l.conn != nil {
		l.conn.close()
	}
}

// next waits for a Commit, or until those that are late have their turn.
func (l *lane) next() (first *pending, open bool) {
	if len(l.late) == 0 {
		first, open = <-l.queue
		return first, open
	}
	timer := time.NewTimer(time.Until(l.retry))
	defer timer.Stop()
	select {
	case first, open = <-l.queue:
		if !open {
			<-timer.C
		}
		return first, open
	case <-timer.C:
		return nil, true
	}
}

func (l *lane) again() {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	late := l.late
	l.late = nil
	defer l.db.behindVeil()()
	l.oneByOne(ctx, late)
}

// gather takes what is queued, without waiting for more. It yields once, so that those whom the
// last batch has just answered can come back with their next Commit.
func (l *lane) gather(first *pending) []*pending {
	runtime.Gosched()
	batch := take(nil, first)
	for len(batch) < batchLength {
		select {
		case next, open := <-l.queue:
			if !open {
				return batch
			}
			batch = take(batch, next)
		default:
			return batch
		}
	}
	return batch
}

func take(batch []*pending, p *pending) []*pending {
	if p.state.CompareAndSwap(waiting, taking) {
		return append(batch, p)
	}
	return batch
}

// commit writes a batch, which answers everybody in it.
func (l *lane) commit(batch []*pending) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	defer l.db.behindVeil()()
	l.write(ctx, batch)
}

// behindVeil hides what is being committed from those who follow the events, until lifted. With
// other writers there is nothing to hide: no hook of ours knows what they commit.
func (db *DB) behindVeil() (lift func()) {
	if db.Shared() {
		return func() {}
	}
	db.veil.Lock()
	return db.veil.Unlock
}

// answer lets Commits return whose err is final, after the hook has heard of them.
func (l *lane) answer(batch ...*pending) {
	l.db.tell(batch)
	for _, p := range batch {
		close(p.done)
	}
}

// tell calls the hook for what was committed and wakes those who watch for events.
func (db *DB) tell(batch []*pending) {
	events := false
	db.hook.Lock()
	defer db.hook.Unlock()
	for _, p := range batch {
		if p.err != nil {
			continue
		}
		events = events || len(p.events) > 0
		if db.committed != nil && len(p.changes) > 0 {
			db.committed(p.changes)
		}
	}
	if events {
		db.watchers.wake()
	}
}
