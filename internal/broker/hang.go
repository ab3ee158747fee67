package broker

import (
	"context"

	"symbolon.dev"
)

// begin hangs a flight, which hangs on none, on an entry. It fails if the entry was taken away meanwhile; then the
// caller has to ask again. After it succeeds no signal can miss the flight.
func (t *trust) begin(e *entry, f *flight) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone.Load() {
		return false
	}
	f.entry = e
	e.flights.add(f)
	return true
}

// finish takes a flight off.
func (t *trust) finish(f *flight) {
	f.moving.Lock()
	defer f.moving.Unlock()
	f.over = true
	t.detach(f)
}

// detach unhooks a flight from its entry, if it has one; the caller holds f.moving.
func (t *trust) detach(f *flight) {
	e := f.entry
	if e == nil {
		return
	}
	f.entry = nil
	e.mu.Lock()
	e.flights.remove(f)
	idle := e.flights.first == nil && !e.cached
	if idle {
		e.gone.Store(true)
	}
	e.mu.Unlock()
	if idle {
		t.forget(e)
	}
}

// renew gives what is known of a flight's token now, having asked again if that was gone or old.
// It gives nil once the flight is over.
func (t *trust) renew(ctx context.Context, f *flight) (*entry, error) {
	for range 4 {
		was, over := f.current()
		if over || (was != nil && !was.gone.Load() && t.clock().Before(was.until)) {
			return was, nil
		}
		e, err := t.find(ctx, f.judged().Reveal())
		if err != nil || e.claims == nil || t.move(f, e) {
			return e, err
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the token changed again and again while it was checked")
}

func (t *trust) move(f *flight, e *entry) bool {
	f.moving.Lock()
	defer f.moving.Unlock()
	if f.over || f.entry == e {
		return true
	}
	t.detach(f)
	return t.begin(e, f)
}

// open lists every flight.
func (t *trust) open() []*flight {
	t.mu.Lock()
	all := t.named(nil)
	t.mu.Unlock()
	var open []*flight
	for e := range all {
		e.mu.Lock()
		open = append(open, e.flights.list()...)
		e.mu.Unlock()
	}
	return open
}
