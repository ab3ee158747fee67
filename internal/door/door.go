// Package door holds what every HTTP door shares.
//
// A request is handled in one line: [Door.Handle] opens an [Event], runs the [Handler], and if
// it returns an error lets the door's [Crossing] turn it, once, into the public form of that
// door's protocol. The private cause goes to the log, once, with the request id. A handler
// fills the Event on its way; nobody else logs a request.
package door

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"symbolon.dev"
)

// RequestIDHeader carries the request id to the caller and to the next hop.
const RequestIDHeader = "X-Request-Id"

// Event is what the log says of one request. Fields hold ids, never secrets or personal data.
type Event struct {
	RequestID string
	Parent    string // a request id the caller claims; only logged
	Route     string
	Status    int
	Client    string
	Subject   string
	Session   string
	Resource  string
	Decision  string   // "allow", "deny", "challenge"
	Policies  []string // that decided
	Cause     error
}

// Handler serves a request or says why not.
type Handler func(w http.ResponseWriter, r *http.Request, ev *Event) error

// Crossing writes err in the public form of a protocol.
type Crossing func(w http.ResponseWriter, r *http.Request, ev *Event, err error)

// Door wraps handlers. The zero Door logs to the default logger.
type Door struct {
	Log     *slog.Logger
	Observe func(ev *Event, method string, elapsed time.Duration) // metrics; may be nil
	MaxBody int64                                                 // bytes; 0 = 64 KiB
}

const (
	defaultMaxBody = 64 << 10
	statusGone     = 499 // for the log alone: the caller went away
)

// Handle makes an http.Handler of h. Route is the bounded name for logs and metrics.
func (d *Door) Handle(route string, cross Crossing, h Handler) http.Handler {
	limit := d.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		d.Serve(route, cross, h, w, r)
	})
}

// Serve runs one request without a limit on its body, for doors that stream.
func (d *Door) Serve(route string, cross Crossing, h Handler, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ev := &Event{RequestID: symbolon.NewRequestID(), Parent: claimedParent(r), Route: route}
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, ev.RequestID))
	w.Header().Set(RequestIDHeader, ev.RequestID)
	tracked := &statusWriter{ResponseWriter: w}
	if err := h(tracked, r, ev); err != nil {
		ev.Cause = err
		switch {
		case tracked.wrote():
		case r.Context().Err() != nil:
			ev.Status = statusGone // nobody is there to answer
		default:
			cross(tracked, r, ev, err)
		}
	}
	if ev.Status == 0 {
		ev.Status = tracked.statusOr(http.StatusOK)
	}
	d.log(r, ev, time.Since(start))
}

func (d *Door) log(r *http.Request, ev *Event, elapsed time.Duration) {
	if d.Observe != nil {
		d.Observe(ev, r.Method, elapsed)
	}
	logger, level := d.Log, slog.LevelInfo
	if logger == nil {
		logger = slog.Default()
	}
	if ev.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !logger.Enabled(r.Context(), level) {
		return
	}
	var space [maxAttrs]slog.Attr // which stays on the stack
	logger.LogAttrs(r.Context(), level, "request", ev.attrs(space[:0], r.Method, elapsed)...)
}

// maxAttrs is how many there can be of one event.
const maxAttrs = 13

func (ev *Event) attrs(attrs []slog.Attr, method string, elapsed time.Duration) []slog.Attr {
	attrs = append(attrs, slog.String("request_id", ev.RequestID), slog.String("method", method),
		slog.String("route", ev.Route), slog.Int("status", ev.Status), slog.Int64("us", elapsed.Microseconds()))
	for _, f := range [...]struct{ key, value string }{
		{"parent", ev.Parent}, {"client", ev.Client}, {"subject", ev.Subject}, {"session", ev.Session},
		{"resource", ev.Resource}, {"decision", ev.Decision}, {"policies", strings.Join(ev.Policies, ",")},
	} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.key, f.value))
		}
	}
	if ev.Cause != nil {
		attrs = append(attrs, slog.String("cause", ev.Cause.Error()))
	}
	return attrs
}

type requestIDKey struct{}

// RequestID gives the id of the request that ctx belongs to, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func claimedParent(r *http.Request) string {
	claimed := r.Header.Get(RequestIDHeader)
	if len(claimed) > 64 || !symbolon.ValidName(claimed) {
		return ""
	}
	return claimed
}

// Known makes an *symbolon.Error of any error: one of ours as it is, a body over its limit as
// TooMany, anything else as Internal.
func Known(err error) *symbolon.Error {
	var ours *symbolon.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &tooLarge):
		return symbolon.Errorf(symbolon.TooMany, "the request body is over %d bytes", tooLarge.Limit).Because(err)
	}
	return symbolon.Errorf(symbolon.Internal, "something went wrong on our side").Because(err)
}

var statusOf = map[symbolon.Kind]int{
	symbolon.Internal: http.StatusInternalServerError, symbolon.Invalid: http.StatusBadRequest,
	symbolon.Unauthenticated: http.StatusUnauthorized, symbolon.Denied: http.StatusForbidden,
	symbolon.NotFound: http.StatusNotFound, symbolon.Conflict: http.StatusConflict,
	symbolon.TooMany: http.StatusTooManyRequests, symbolon.Unavailable: http.StatusServiceUnavailable,
}

// StatusOf is the HTTP status of an error's kind.
func StatusOf(err *symbolon.Error) int { return statusOf[err.Kind] }
