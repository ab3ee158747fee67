package signals

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/issuer"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// Scopes at {issuer}/ssf. Managing includes reading.
const (
	ScopeManage = "ssf.manage"
	ScopeRead   = "ssf.read"
)

// Store keeps the streams.
type Store interface {
	Stream(ctx context.Context, id symbolon.StreamID) (*symbolon.Stream, error)
	Streams(ctx context.Context) ([]symbolon.Stream, error)
	Commit(ctx context.Context, changes ...symbolon.Change) error
}

// Log is the ordered event log.
type Log interface {
	Head() int64
	After(ctx context.Context, seq int64, limit int) ([]symbolon.Event, error)
	Wait(ctx context.Context, seq int64) error // until Head() > seq
}

// Config is what a transmitter needs. Hold and Clock have defaults.
type Config struct {
	Issuer  string
	Store   Store
	Log     Log
	Signer  func() (token.Signer, error)                                                                         // a key of the published JWKS
	Bearer  func(ctx context.Context, r *http.Request, audience string, scopes ...string) (*token.Claims, error) // [issuer.Issuer.Bearer]
	Catalog func() *catalog.Snapshot
	Door    *door.Door
	Clock   symbolon.Clock
	Hold    time.Duration // how long a poll waits for events, default and at most 5 s

	// Heard gives the ids that a receiver knows people by ([issuer.Issuer.Heard]); default those of the event.
	Heard func(receiver *symbolon.Client, e symbolon.Event) symbolon.Event
}

const maxHold = 5 * time.Second

// Transmitter serves the framework's endpoints.
type Transmitter struct {
	Config

	mu   sync.Mutex
	read map[symbolon.StreamID]int64 // up to here nothing waits on this stream; a hint that any replica can do without
}

// New makes a transmitter.
func New(c Config) *Transmitter {
	if c.Hold <= 0 || c.Hold > maxHold {
		c.Hold = maxHold
	}
	if c.Clock == nil {
		c.Clock = symbolon.Now
	}
	if c.Door == nil {
		c.Door = &door.Door{}
	}
	return &Transmitter{Config: c, read: map[symbolon.StreamID]int64{}}
}

// Handler serves /.well-known/ssf-configuration and everything under /ssf/.
func (t *Transmitter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /.well-known/ssf-configuration", t.Door.Handle("ssf.configuration", cross, t.discover))
	for _, r := range []struct {
		pattern, name string
		scopes        []string // any of them
		serve         func(http.ResponseWriter, *http.Request, caller) error
	}{
		{"POST /ssf/stream", "ssf.stream.create", manage, t.create},
		{"GET /ssf/stream", "ssf.stream.read", reading, t.show},
		{"PATCH /ssf/stream", "ssf.stream.update", manage, t.update},
		{"PUT /ssf/stream", "ssf.stream.replace", manage, t.replace},
		{"DELETE /ssf/stream", "ssf.stream.delete", manage, t.remove},
		{"GET /ssf/status", "ssf.status.read", reading, t.showStatus},
		{"POST /ssf/status", "ssf.status.update", manage, t.setStatus},
		{"POST /ssf/subjects/add", "ssf.subjects.add", manage, t.addSubject},
		{"POST /ssf/subjects/remove", "ssf.subjects.remove", manage, t.removeSubject},
		{"POST /ssf/verify", "ssf.verify", manage, t.verify},
		{"POST /ssf/poll/{id}", "ssf.poll", reading, t.poll},
	} {
		mux.Handle(r.pattern, t.Door.Handle(r.name, cross, t.guard(r.scopes, r.serve)))
	}
	return mux
}

var manage, reading = []string{ScopeManage}, []string{ScopeRead, ScopeManage}

// caller is the receiver that asks, already judged.
type caller struct {
	client    symbolon.ClientID
	actor     string
	requestID string
}

func (t *Transmitter) guard(scopes []string, serve func(http.ResponseWriter, *http.Request, caller) error) door.Handler {
	return func(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
		claims, err := t.Bearer(r.Context(), r, t.Issuer+"/ssf")
		if err != nil {
			return err
		}
		ev.Client, ev.Subject, ev.Session, ev.Resource = claims.ClientID, claims.Subject, claims.SessionID, "signals"
		if !slices.ContainsFunc(scopes, func(s string) bool { return claims.HasScope(s) }) {
			return symbolon.Refuse(symbolon.Denied, "insufficient_scope", "the token lacks the scope %s", scopes[0])
		}
		if err := t.judge(claims, ev); err != nil {
			return err
		}
		return serve(w, r, caller{symbolon.ClientID(claims.ClientID), claims.Subject, ev.RequestID})
	}
}

func (t *Transmitter) judge(c *token.Claims, ev *door.Event) error {
	snapshot := t.Catalog()
	principal, ok := principalOf(snapshot, c)
	if !ok {
		return symbolon.Errorf(symbolon.Denied, "the token is of nobody who is known here")
	}
	question := policy.Request{
		Principal: principal, Action: "signals", Resource: policy.Entity{UID: policy.UID{Type: policy.Administration, ID: "signals"}},
		Context: map[string]any{"scopes": c.Scope, "acr": c.ACR, "amr": c.AMR},
	}
	if !c.AuthTime.IsZero() {
		question.Context["auth_age"] = int64(t.Clock().Sub(c.AuthTime) / time.Second)
	}
	decision := snapshot.Policy.Decide(question)
	ev.Decision, ev.Policies = string(decision.Effect), decision.Policies
	if decision.Allowed() {
		return nil
	}
	refused := symbolon.Errorf(symbolon.Denied, "policy does not let this client receive signals")
	refused.Remedies, refused.Policies = decision.Remedies, decision.Policies
	return refused
}

func principalOf(snapshot *catalog.Snapshot, c *token.Claims) (policy.Entity, bool) {
	if c.Kind == token.KindUser {
		person := symbolon.User{ID: symbolon.UserID(c.Subject), Organisation: symbolon.OrganisationID(c.Organisation),
			Department: c.Department, Employment: c.Employment}
		for _, g := range c.Groups {
			person.Groups = append(person.Groups, symbolon.GroupID(g))
		}
		return snapshot.UserEntity(&person), true
	}
	client, ok := snapshot.Client(symbolon.ClientID(c.ClientID))
	if !ok || client.Disabled {
		return policy.Entity{}, false
	}
	return snapshot.ServiceEntity(client), true
}

// cross gives every refusal the challenge that RFC 6750 §3 wants, and the body of RFC 9457.
func cross(w http.ResponseWriter, r *http.Request, ev *door.Event, err error) {
	if challenge := issuer.BearerChallenge(err, ScopeManage); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.TooMany {
		w.Header().Set("Retry-After", retryAfter)
	}
	door.AsProblem(w, r, ev, err)
}

// stream finds a stream of the caller. Of somebody else's nobody can tell that it exists.
func (t *Transmitter) stream(ctx context.Context, c caller, id string) (*symbolon.Stream, error) {
	if id == "" {
		return nil, symbolon.Errorf(symbolon.Invalid, "stream_id is missing")
	}
	found, err := t.Store.Stream(ctx, symbolon.StreamID(id))
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.NotFound || err == nil && found.Client != c.client {
		return nil, symbolon.Errorf(symbolon.NotFound, "there is no such stream")
	}
	return found, err
}
