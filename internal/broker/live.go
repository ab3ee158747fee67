package broker

import (
	"context"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// flight is one request on its way or one open tunnel, from the permit to its end.
type flight struct {
	host, method  string
	rawPath, path string // as sent, and decoded once
	credential
	inner  symbolon.Secret // what was taken out of the credential for the route; empty = nothing
	proof  *token.Proof    // of a token that is bound to a key
	cancel context.CancelCauseFunc

	mu     sync.Mutex // guards what follows
	tunnel *tunnel
	ended  *cut
	timer  *time.Timer // judges it anew
	landed bool

	moving sync.Mutex // guards what follows
	entry  *entry     // nil while it hangs on none
	over   bool

	prev, next *flight // guarded by the mu of entry
}

// judged is the token that the flight stands or falls with.
func (f *flight) judged() symbolon.Secret {
	if f.inner.Empty() {
		return f.raw
	}
	return f.inner
}

func (f *flight) current() (e *entry, over bool) {
	f.moving.Lock()
	defer f.moving.Unlock()
	return f.entry, f.over
}

// cut is why a flight is ended before its time.
type cut struct {
	code   uint16 // of the WebSocket close frame (RFC 6455 §7.4)
	reason string
	cause  *symbolon.Error // what a request that has no answer yet gets
}

func (c *cut) Error() string { return "cut: " + c.reason }

const (
	closePolicy   = 1008 // policy violation
	closeTryLater = 1013 // try again later
)

var (
	cutRevoked = &cut{closePolicy, "access was withdrawn",
		symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "access was withdrawn while the request was under way")}
	cutExpired = &cut{closePolicy, "the token has expired",
		symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "the token expired while the request was under way")}
	cutDenied = &cut{closePolicy, "policy no longer allows this",
		symbolon.Errorf(symbolon.Denied, "a policy stopped allowing this while the request was under way")}
	cutStale = &cut{closeTryLater, "trust cannot be checked at the moment",
		symbolon.Errorf(symbolon.Unavailable, "whether access still holds cannot be checked at the moment; try again shortly")}
)

// end cuts the flight: nothing more passes in either direction. It does not wait.
func (f *flight) end(why *cut) {
	f.mu.Lock()
	already, tun := f.ended != nil, f.tunnel
	if !already {
		f.ended = why
	}
	f.mu.Unlock()
	switch {
	case already:
	case tun == nil:
		f.cancel(why)
	default:
		go func() {
			tun.shut(why.code, why.reason)
			f.cancel(why)
		}()
	}
}

// upgrade notes that the flight has become a tunnel. It reports the cut if there was one before.
func (f *flight) upgrade(t *tunnel) *cut {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tunnel = t
	return f.ended
}

// schedule sets when the flight is judged anew.
func (f *flight) schedule(after time.Duration, judge func(*flight)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.landed || f.ended != nil:
	case f.timer == nil:
		f.timer = time.AfterFunc(after, func() { judge(f) })
	default:
		f.timer.Reset(after)
	}
}

// land ends the schedule, and says why the flight was cut if it was.
func (f *flight) land() *cut {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	return f.ended
}

// flights is the list of what is under way with one entry. Guarded by the entry's mu.
type flights struct{ first *flight }

func (l *flights) add(f *flight) {
	f.next, f.prev = l.first, nil
	if l.first != nil {
		l.first.prev = f
	}
	l.first = f
}

func (l *flights) remove(f *flight) {
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		l.first = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}

func (l *flights) list() []*flight {
	var all []*flight
	for f := l.first; f != nil; f = f.next {
		all = append(all, f)
	}
	return all
}
