package verify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"symbolon.dev"
)

// ReceiverOptions of a [Receiver]. Issuer and Tokens are needed; zero values of the rest are the defaults.
type ReceiverOptions struct {
	Issuer      string        // the transmitter's identifier, a URL
	Tokens      *TokenSource  // tokens for the transmitter's management API
	Events      []string      // event types, default [Signals]
	Description string        // what the transmitter's administrator sees
	Staleness   time.Duration // how long the feed may be silent, default 15 s

	// On is called for each signal, in the order in which they happened and after every [Receiver.Listen]; the signal is
	// acknowledged after it has returned.
	On func(Signal)
	// OnGap is called when signals may have been missed, at the first connection too: whatever was
	// learnt before is worth nothing.
	OnGap func()

	HTTP  *http.Client // its Transport is used; default [http.DefaultTransport]
	Log   *slog.Logger // default [slog.Default]
	Clock symbolon.Clock
}

const (
	defaultStaleness = 15 * time.Second
	minBackoff       = 100 * time.Millisecond
	maxBackoff       = 5 * time.Second
	farewell         = 3 * time.Second // for deleting the stream at the end
	maxEvents        = 200             // of one poll
)

// Receiver follows the security events of one transmitter (OpenID SSF 1.0) by polling (RFC 8936).
type Receiver struct {
	issuer      *issuer
	tokens      *TokenSource
	keys        *keys
	events      []string
	description string
	staleness   time.Duration
	log         *slog.Logger
	contact     atomic.Int64 // Unix nanoseconds; 0 = never, or no longer running

	owner listener

	mu        sync.Mutex // guards what follows until Run has begun, then nothing changes
	running   bool
	listeners []listener
}

// NewReceiver checks the options and does no I/O; the error is of kind Invalid.
func NewReceiver(o ReceiverOptions) (*Receiver, error) {
	if o.Tokens == nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "a receiver needs a source of tokens for the transmitter")
	}
	if o.Clock == nil {
		o.Clock = symbolon.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Staleness == 0 {
		o.Staleness = defaultStaleness
	}
	if len(o.Events) == 0 {
		o.Events = Signals()
	}
	at, err := newIssuer(o.Issuer, ssfNames, o.HTTP, o.Clock)
	if err != nil {
		return nil, err
	}
	r := &Receiver{issuer: at, tokens: o.Tokens, keys: &keys{issuer: at}, events: o.Events, description: o.Description,
		staleness: o.Staleness, log: o.Log}
	r.owner = listener{o.On, o.OnGap}
	return r, nil
}

// listener is one who is told; either function may be nil.
type listener struct {
	on  func(Signal)
	gap func()
}

// Listen adds one who is told before [ReceiverOptions.On]: caches are empty by the time the
// owner cuts what is open, so that whoever comes back at once is judged anew. Either function may
// be nil. It fails with kind Conflict once the receiver runs.
func (r *Receiver) Listen(on func(Signal), gap func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return symbolon.Errorf(symbolon.Conflict, "the receiver already runs")
	}
	r.listeners = append(r.listeners, listener{on, gap})
	return nil
}

// LastContact is when the transmitter last said that there is nothing more that we have not
// heard and dealt with; zero if it never has.
func (r *Receiver) LastContact() time.Time {
	if at := r.contact.Load(); at != 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Time{}
}

// Fresh reports whether the feed is within its staleness limit.
func (r *Receiver) Fresh(now time.Time) bool {
	last := r.LastContact()
	return !last.IsZero() && now.Sub(last).Abs() <= r.staleness // a clock that was set back proves nothing
}

// Run subscribes and polls until ctx ends, then deletes the stream and returns nil. It survives
// every failure of the transmitter, trying again ever more slowly.
func (r *Receiver) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.running {
		r.mu.Unlock()
		return symbolon.Errorf(symbolon.Conflict, "the receiver already runs")
	}
	r.running = true
	r.listeners = append(r.listeners, r.owner)
	r.mu.Unlock()
	var s *stream
	for pause := minBackoff; ctx.Err() == nil; {
		err := r.follow(ctx, &s, &pause)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errGone) {
			s = nil
			r.lost()
		}
		r.log.WarnContext(ctx, "signal feed interrupted", "issuer", r.issuer.id, "cause", err.Error())
		wait(ctx, pause/2+rand.N(pause/2+1))
		pause = min(2*pause, maxBackoff)
	}
	r.contact.Store(0)
	if s != nil {
		r.leave(ctx, s)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *Receiver) leave(ctx context.Context, s *stream) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := r.unsubscribe(ctx, s); err != nil {
		r.log.WarnContext(ctx, "signal stream left behind", "issuer", r.issuer.id, "cause", err.Error())
	}
}

// follow polls until something fails, subscribing first if there is no stream.
func (r *Receiver) follow(ctx context.Context, s **stream, pause *time.Duration) error {
	if *s == nil {
		made, err := r.subscribe(ctx)
		if err != nil {
			return err
		}
		*s = made
		r.lost()
	}
	request := pollRequest{MaxEvents: maxEvents, ReturnImmediately: true} // the first one tells how far behind we are
	for {
		sets, more, err := r.poll(ctx, *s, request)
		if err != nil {
			return err
		}
		*pause = minBackoff
		request = pollRequest{MaxEvents: maxEvents, ReturnImmediately: more}
		if err := r.hearAll(ctx, *s, sets, &request); err != nil {
			return err
		}
		if !more {
			r.contact.Store(r.issuer.clock().UnixNano())
		}
	}
}

// hearAll deals with SETs in the order of their events, and notes in the next request what
// became of them.
func (r *Receiver) hearAll(ctx context.Context, s *stream, sets []delivered, next *pollRequest) error {
	var opened []delivered
	for _, d := range sets {
		d.signals, d.err = r.open(ctx, s, d)
		if symbolon.IsKind(d.err, symbolon.Unavailable) {
			return d.err // all are delivered again
		}
		if d.err != nil {
			r.reject(ctx, d, next)
			continue
		}
		opened = append(opened, d)
	}
	inOrderOfEvents(opened)
	for _, d := range opened {
		for _, signal := range d.signals {
			if err := r.hear(signal); err != nil {
				return err
			}
		}
		next.Ack = append(next.Ack, d.id)
	}
	return nil
}

// reject reports a SET that cannot be believed. What it wanted to say is lost, so it is a gap.
func (r *Receiver) reject(ctx context.Context, d delivered, next *pollRequest) {
	var known *symbolon.Error
	_ = errors.As(d.err, &known) // open makes no others
	if next.Errors == nil {
		next.Errors = map[string]setError{}
	}
	next.Errors[d.id] = setError{Code: known.Code, Description: known.Message}
	r.log.ErrorContext(ctx, "signal refused", "issuer", r.issuer.id, "jti", d.id, "cause", d.err.Error())
	r.lost()
}

func (r *Receiver) hear(s Signal) error {
	switch s.Type {
	case StreamVerification:
		return nil
	case StreamUpdated: // SSF 1.0 §8.1.5
		if s.Data["status"] != "enabled" {
			return errGone
		}
		r.lost()
		return nil
	case KeyRotated:
		r.keys.expire()
	}
	for _, l := range r.listeners {
		if l.on != nil {
			l.on(s)
		}
	}
	return nil
}

// lost: signals may have been missed.
func (r *Receiver) lost() {
	for _, l := range r.listeners {
		if l.gap != nil {
			l.gap()
		}
	}
}
