package store

import (
	"context"
	"sync"
)

// watchers are those who want to hear of events. A wake that nobody has taken yet stands
// for all that follow.
type watchers struct {
	mu   sync.Mutex
	bell map[chan struct{}]bool
}

func (w *watchers) add() chan struct{} {
	bell := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bell == nil {
		w.bell = map[chan struct{}]bool{}
	}
	w.bell[bell] = true
	return bell
}

func (w *watchers) remove(bell chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.bell, bell)
}

func (w *watchers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for bell := range w.bell {
		ring(bell)
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// Watch calls wake after any commit that has events, of this replica or another, until ctx ends;
// then it returns nil. It may wake for nothing. It wakes once at the start, so that what
// committed before it stood is not missed.
func (db *DB) Watch(ctx context.Context, wake func()) error {
	bell := db.watchers.add()
	defer db.watchers.remove(bell)
	go db.engine.listen(ctx, func() { ring(bell) })
	wake()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-bell:
			wake()
		}
	}
}
