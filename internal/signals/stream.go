package signals

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

const (
	maxStreams     = 256 // of one client: its replicas, and those that crashed within a day
	maxEventTypes  = 64  // asked for by one stream
	maxDescription = 256 // bytes
	idleLimit      = 24 * time.Hour
	verifyInterval = time.Minute
	retryAfter     = "60" // seconds, as verifyInterval
)

// stream states (SSF 1.0 §8.1.2).
const (
	enabled  = "enabled"
	paused   = "paused"
	disabled = "disabled"
)

// streamConfig is SSF 1.0 §8.1.1.
type streamConfig struct {
	ID                string   `json:"stream_id"`
	Issuer            string   `json:"iss"`
	Audience          string   `json:"aud"`
	Delivery          delivery `json:"delivery"`
	EventsSupported   []string `json:"events_supported"`
	EventsRequested   []string `json:"events_requested,omitempty"`
	EventsDelivered   []string `json:"events_delivered"`
	MinVerification   int64    `json:"min_verification_interval"`
	InactivityTimeout int64    `json:"inactivity_timeout"`
	Description       string   `json:"description,omitempty"`
}

type delivery struct {
	Method   string `json:"method"`
	Endpoint string `json:"endpoint_url,omitempty"`
}

func (t *Transmitter) describe(s *symbolon.Stream) streamConfig {
	return streamConfig{
		ID: string(s.ID), Issuer: t.Issuer, Audience: string(s.Client), Delivery: delivery{deliveryPoll, t.Issuer + "/ssf/poll/" + string(s.ID)},
		EventsSupported: supported, EventsRequested: s.Events, EventsDelivered: delivered(s.Events),
		MinVerification: int64(verifyInterval / time.Second), InactivityTimeout: int64(idleLimit / time.Second), Description: s.Description,
	}
}

func delivered(requested []string) []string {
	if len(requested) == 0 {
		return supported
	}
	return slices.DeleteFunc(slices.Clone(supported), func(uri string) bool { return !slices.Contains(requested, uri) })
}

// streamRequest is what a receiver sends. What only the transmitter may set must be as it is.
type streamRequest struct {
	ID              string    `json:"stream_id"`
	Issuer          *string   `json:"iss"`
	Audience        any       `json:"aud"`
	Delivery        *delivery `json:"delivery"`
	EventsSupported []string  `json:"events_supported"`
	EventsRequested *[]string `json:"events_requested"`
	EventsDelivered []string  `json:"events_delivered"`
	Description     *string   `json:"description"`
}

func (t *Transmitter) create(w http.ResponseWriter, r *http.Request, c caller) error {
	var asked streamRequest
	if err := readOptional(r, &asked); err != nil {
		return err
	}
	if err := asked.check(); err != nil {
		return err
	}
	if err := t.room(r.Context(), c); err != nil {
		return err
	}
	now := t.Clock()
	s := symbolon.Stream{ID: symbolon.NewStreamID(), Client: c.client, Delivery: deliveryPoll, Status: enabled,
		Cursor: t.Log.Head(), Created: now, LastSeen: now}
	asked.apply(&s)
	if err := t.Store.Commit(r.Context(), symbolon.PutStream{Stream: s}, t.news(symbolon.StreamCreated, &s, c)); err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusCreated, "application/json", t.describe(&s))
	return nil
}

// room keeps one client from filling the table (SSF 1.0 §8.1.1.1 has 409 for it).
func (t *Transmitter) room(ctx context.Context, c caller) error {
	all, err := t.Store.Streams(ctx)
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(s symbolon.Stream) bool { return s.Client != c.client })
	if len(own) >= maxStreams {
		return symbolon.Errorf(symbolon.Conflict, "this client has %d streams; delete one first", len(own))
	}
	return nil
}

func (t *Transmitter) show(w http.ResponseWriter, r *http.Request, c caller) error {
	if r.URL.Query().Has("stream_id") {
		s, err := t.stream(r.Context(), c, r.URL.Query().Get("stream_id"))
		if err != nil {
			return err
		}
		door.WriteJSON(w, http.StatusOK, "application/json", t.describe(s))
		return nil
	}
	all, err := t.Store.Streams(r.Context())
	if err != nil {
		return err
	}
	own := []streamConfig{}
	for _, s := range all {
		if s.Client == c.client {
			own = append(own, t.describe(&s))
		}
	}
	door.WriteJSON(w, http.StatusOK, "application/json", own)
	return nil
}

// update changes what the request names (PATCH).
func (t *Transmitter) update(w http.ResponseWriter, r *http.Request, c caller) error {
	return t.change(w, r, c, func(*symbolon.Stream) {})
}

// replace sets everything a receiver may set; what the request leaves out is gone (PUT).
func (t *Transmitter) replace(w http.ResponseWriter, r *http.Request, c caller) error {
	return t.change(w, r, c, func(s *symbolon.Stream) { s.Events, s.Description = nil, "" })
}

func (t *Transmitter) change(w http.ResponseWriter, r *http.Request, c caller, before func(*symbolon.Stream)) error {
	var asked streamRequest
	if err := read(r, &asked); err != nil {
		return err
	}
	s, err := t.stream(r.Context(), c, asked.ID)
	if err != nil {
		return err
	}
	if err := errors.Join(asked.check(), asked.matches(t.describe(s))); err != nil {
		return err
	}
	before(s)
	asked.apply(s)
	if err := t.Store.Commit(r.Context(), symbolon.PutStream{Stream: *s}, t.seen(s)); err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", t.describe(s))
	return nil
}

func (t *Transmitter) remove(w http.ResponseWriter, r *http.Request, c caller) error {
	s, err := t.stream(r.Context(), c, r.URL.Query().Get("stream_id"))
	if err != nil {
		return err
	}
	if err := t.Store.Commit(r.Context(), symbolon.DeleteStream{ID: s.ID}, t.news(symbolon.StreamDeleted, s, c)); err != nil {
		return err
	}
	t.forget(s.ID)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (t *Transmitter) news(what symbolon.EventType, s *symbolon.Stream, c caller) symbolon.Event {
	return symbolon.Event{ID: symbolon.NewEventID(), At: t.Clock(), Type: what, Actor: c.actor, Client: s.Client,
		RequestID: c.requestID, Data: map[string]any{"stream_id": string(s.ID)}}
}

// seen is a sign of life, without a step.
func (t *Transmitter) seen(s *symbolon.Stream) symbolon.Change {
	return symbolon.AckStream{ID: s.ID, Cursor: s.Cursor, At: t.Clock()}
}

func (q *streamRequest) check() error {
	if q.Delivery != nil && q.Delivery.Method != "" && q.Delivery.Method != deliveryPoll {
		return symbolon.Errorf(symbolon.Invalid, "the delivery method is not supported; use %s", deliveryPoll)
	}
	if q.EventsRequested != nil && len(*q.EventsRequested) > maxEventTypes {
		return symbolon.Errorf(symbolon.Invalid, "more than %d event types are asked for", maxEventTypes)
	}
	if q.EventsRequested != nil && slices.ContainsFunc(*q.EventsRequested, func(uri string) bool { return len(uri) > 256 }) {
		return symbolon.Errorf(symbolon.Invalid, "an event type is longer than 256 bytes")
	}
	return nil
}

// matches holds what only the transmitter sets against what it is (SSF 1.0 §8.1.1.3).
func (q *streamRequest) matches(is streamConfig) error {
	wrong := func(member string) error {
		return symbolon.Errorf(symbolon.Invalid, "%s is set by the transmitter and is another", member)
	}
	switch {
	case q.Issuer != nil && *q.Issuer != is.Issuer:
		return wrong("iss")
	case q.Audience != nil && !sameAudience(q.Audience, is.Audience):
		return wrong("aud")
	case q.Delivery != nil && q.Delivery.Endpoint != "" && q.Delivery.Endpoint != is.Delivery.Endpoint:
		return wrong("delivery.endpoint_url")
	case q.EventsSupported != nil && !sameSet(q.EventsSupported, is.EventsSupported):
		return wrong("events_supported")
	case q.EventsDelivered != nil && !sameSet(q.EventsDelivered, is.EventsDelivered):
		return wrong("events_delivered")
	}
	return nil
}

func sameAudience(given any, is string) bool {
	if many, ok := given.([]any); ok && len(many) == 1 {
		given = many[0]
	}
	return given == is
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// apply takes over what a receiver may set. Types that are not known are kept and ignored.
func (q *streamRequest) apply(s *symbolon.Stream) {
	if q.EventsRequested != nil {
		s.Events = *q.EventsRequested
	}
	if q.Description != nil {
		s.Description = cutText(*q.Description, maxDescription)
	}
}

func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// read parses one JSON object and nothing after it.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	err := decoder.Decode(into)
	if err == nil {
		if _, end := decoder.Token(); end != io.EOF {
			err = errors.New("there is something after the object")
		}
	}
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return symbolon.Errorf(symbolon.Invalid, "the body is not the JSON object that is needed").Because(err)
}

// readOptional also takes an empty body.
func readOptional(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil
	}
	return read(r, into)
}
