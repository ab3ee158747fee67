package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"symbolon.dev"
)

// Limits on what others make us fetch and keep.
const (
	fetchTimeout = 5 * time.Second
	fetchPause   = 15 * time.Second // between two attempts at one address, whoever asks
	maxFetching  = 16               // at once, of one kind
	maxKept      = 1024             // documents of one kind
)

// remote keeps what documents at addresses say. An address is asked again when its document has
// aged, or when somebody misses something in it, but never more often than fetchPause: a stranger
// who makes up key ids cannot make us hammer anybody. Failures are kept no longer than that. A document that can
// no longer be had is trusted for as long as its kind may be, then it is gone.
type remote[T any] struct {
	http    *http.Client
	clock   symbolon.Clock
	max     int64         // bytes of a document
	fresh   span          // how long one is used without asking again
	trusted time.Duration // how long one is used when it cannot be had again
	media   func(string) bool
	parse   func(address string, body []byte) (T, error)

	slots chan struct{}
	mu    sync.Mutex
	known map[string]*kept[T]
}

// span bounds what a server says of a document's age; usual stands where it says nothing.
type span struct{ least, usual, most time.Duration }

type kept[T any] struct {
	turn  chan struct{} // held by the one who fetches
	asked time.Time     // last attempt, and why it failed; they belong to whoever has the turn
	fault error
	now   atomic.Pointer[document[T]]
}

type document[T any] struct {
	value          T
	freshTo, ended time.Time
}

func newRemote[T any](r *remote[T]) *remote[T] {
	r.slots, r.known = make(chan struct{}, maxFetching), map[string]*kept[T]{}
	return r
}

// get gives the document at an address. Lacks says whether one still lacks what the caller looks
// for; nil = it cannot. Only who finds nothing of use waits for a fetch. Errors are of kind
// Unavailable if it cannot be fetched, Unauthenticated if it is not fit to be used.
func (r *remote[T]) get(ctx context.Context, address string, lacks func(T) bool) (value T, err error) {
	k := r.entry(address)
	if d := k.now.Load(); d != nil && r.clock().Before(d.freshTo) && (lacks == nil || !lacks(d.value)) {
		return d.value, nil
	}
	select {
	case k.turn <- struct{}{}:
	default:
		if d := k.now.Load(); d != nil && r.clock().Before(d.ended) && (lacks == nil || !lacks(d.value)) {
			return d.value, nil // another one fetches already
		}
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
	defer func() { <-k.turn }()
	return r.take(ctx, address, k, lacks)
}

// take runs with the turn.
func (r *remote[T]) take(ctx context.Context, address string, k *kept[T], lacks func(T) bool) (value T, err error) {
	at, d := r.clock(), k.now.Load()
	if d != nil && at.Before(d.freshTo) && (lacks == nil || !lacks(d.value)) {
		return d.value, nil
	}
	if k.asked.IsZero() || !at.Before(k.asked.Add(fetchPause)) {
		k.asked, k.fault = at, r.renew(ctx, address, k, at)
		d = k.now.Load()
	}
	if d == nil || !at.Before(d.ended) {
		return value, k.fault
	}
	return d.value, nil
}

// entry finds or makes the place of an address.
func (r *remote[T]) entry(address string) *kept[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.known[address]; ok {
		return k
	}
	if len(r.known) >= maxKept {
		r.forget()
	}
	k := &kept[T]{turn: make(chan struct{}, 1)}
	r.known[address] = k
	return k
}

// forget drops any idle entry: maps give them in no order that a stranger could choose.
func (r *remote[T]) forget() {
	for address, k := range r.known {
		select {
		case k.turn <- struct{}{}: // nobody is at it, and whoever waits keeps the old entry
			delete(r.known, address)
			<-k.turn
			return
		default:
		}
	}
}

func (r *remote[T]) renew(ctx context.Context, address string, k *kept[T], now time.Time) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		return symbolon.Errorf(symbolon.Unavailable, "too many documents are being fetched")
	}
	// whoever gives up waiting must not waste the attempt for everybody else
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	body, age, err := r.fetch(ctx, address)
	if err != nil {
		return symbolon.Errorf(symbolon.Unavailable, "what the client is known by cannot be fetched").Because(fmt.Errorf("%s: %w", address, err))
	}
	value, err := r.parse(address, body)
	if err != nil {
		return symbolon.Refuse(symbolon.Unauthenticated, codeInvalidClient, "what the client is known by is not fit to be used").
			Because(fmt.Errorf("%s: %w", address, err))
	}
	k.now.Store(&document[T]{value, now.Add(min(max(age, r.fresh.least), r.fresh.most)), now.Add(r.trusted)})
	return nil
}

// fetch takes nothing but a plain 200: the client that it is given follows no redirect and
// refuses addresses that are not public.
func (r *remote[T]) fetch(ctx context.Context, address string) (body []byte, age time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.http.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("it answered %d, not 200", response.StatusCode)
	}
	if r.media != nil && !r.media(response.Header.Get("Content-Type")) {
		return nil, 0, errors.New("it is not JSON by its Content-Type")
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, r.max+1))
	if err == nil && int64(len(body)) > r.max {
		err = fmt.Errorf("it is longer than %d bytes", r.max)
	}
	return body, maxAge(response.Header, r.fresh.usual), err
}

// maxAge reads how long the answer may be kept (RFC 9111 §5.2.2).
func maxAge(h http.Header, usual time.Duration) time.Duration {
	for _, header := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store", "no-cache":
				return 0
			case "max-age":
				if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
					return time.Duration(seconds) * time.Second
				}
			}
		}
	}
	return usual
}

// isJSON reports whether a media type is application/json or one in its form (RFC 6839 §3.1).
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}
