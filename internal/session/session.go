package session

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/token"
)

// touchEvery bounds how often use is written down.
const touchEvery = time.Minute

const maxAgent = 128 // bytes of the words for the browser

// Login is an authentication that has just succeeded.
type Login struct {
	User      symbolon.UserID
	Factors   []authn.Factor // done just now
	Agent     string         // browser and system in words, e.g. "Chrome on Linux"
	RequestID string
}

// FromRequest finds the live session of a request, and writes its use down at most once a
// minute. It is nil, nil if nobody is signed in: no cookie, an unknown, ended, expired or idle
// session, or one of a person who is disabled.
func (s *Sessions) FromRequest(ctx context.Context, r *http.Request) (*symbolon.Session, error) {
	secret, ok := s.presented(r)
	if !ok {
		return nil, nil
	}
	found, err := s.store.SessionBySecret(ctx, secret.Hash())
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	now := s.clock()
	if !found.Live(now) {
		return nil, nil
	}
	if welcome, err := s.welcome(ctx, found.User); !welcome {
		return nil, err
	}
	return found, s.touch(ctx, found, now)
}

// welcome asks for the person too: a login that raced with their being disabled gave a session
// that no disabling has seen.
func (s *Sessions) welcome(ctx context.Context, id symbolon.UserID) (bool, error) {
	user, err := s.store.User(ctx, id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return !user.Disabled, nil
}

func (s *Sessions) touch(ctx context.Context, found *symbolon.Session, now time.Time) error {
	if now.Sub(found.LastSeen) < min(touchEvery, found.Idle/4) {
		return nil
	}
	found.LastSeen = now
	return s.store.Commit(ctx, symbolon.TouchSession{ID: found.ID, At: now})
}

// Start makes a session of a login and hands its secret to the browser. A session that the
// browser had before stays as it is, without a cookie.
func (s *Sessions) Start(ctx context.Context, w http.ResponseWriter, l Login) (*symbolon.Session, error) {
	welcome, err := s.welcome(ctx, l.User)
	if err != nil {
		return nil, err
	}
	if !welcome {
		return nil, symbolon.Errorf(symbolon.Denied, "this account is disabled")
	}
	started := symbolon.Session{ID: symbolon.NewSessionID(), User: l.User, Created: s.clock()}
	started.ACR, started.AMR = authn.Strength(l.Factors)
	return s.establish(ctx, w, started, l, symbolon.Event{Type: symbolon.SessionStarted,
		Data: map[string]any{"acr": started.ACR, "amr": started.AMR}})
}

// Raise makes more of a session by another login of the same person, or less of it if the
// factors done now are weaker: a stolen session and a guessed password must not look like the
// passkey of this morning (see [authn.After]). It gets a new secret, and its ends count from
// now. Denied for another person or a session that is not live, Conflict if it ends meanwhile.
func (s *Sessions) Raise(ctx context.Context, w http.ResponseWriter, was *symbolon.Session, l Login) (*symbolon.Session, error) {
	if was.User != l.User || !was.Live(s.clock()) {
		return nil, symbolon.Errorf(symbolon.Denied, "this session is over, or another person's")
	}
	raised := *was
	raised.ACR, raised.AMR = authn.After(was.ACR, was.AMR, l.Factors)
	return s.establish(ctx, w, raised, l, symbolon.Event{Type: symbolon.SessionRaised,
		Data: map[string]any{"from": was.ACR, "acr": raised.ACR, "amr": raised.AMR}})
}

// establish commits a session that a login has just made or changed, under a new secret and with
// the news of it, and sets the cookie.
func (s *Sessions) establish(ctx context.Context, w http.ResponseWriter, next symbolon.Session, l Login, news symbolon.Event) (*symbolon.Session, error) {
	limit, known := s.limits[next.ACR]
	if !known {
		return nil, symbolon.Errorf(symbolon.Denied, "this authentication is too weak for a session")
	}
	now, secret := s.clock(), token.NewOpaque(token.PrefixSession)
	next.Secret, next.AuthTime, next.LastSeen = secret.Hash(), now, now
	next.Expires, next.Idle = now.Add(limit.Lifetime), limit.Idle
	next.Agent = cut(l.Agent, maxAgent)
	news.ID, news.At, news.Actor = symbolon.NewEventID(), now, string(l.User)
	news.User, news.Session, news.RequestID = l.User, next.ID, l.RequestID
	if err := s.store.Commit(ctx, symbolon.PutSession{Session: next}, news); err != nil {
		return nil, err
	}
	s.setCookie(w, secret)
	return &next, nil
}

// Get finds a session, live or not.
func (s *Sessions) Get(ctx context.Context, id symbolon.SessionID) (*symbolon.Session, error) {
	return s.store.Session(ctx, id)
}

// Of lists a person's live sessions, newest first.
func (s *Sessions) Of(ctx context.Context, user symbolon.UserID) ([]symbolon.Session, error) {
	all, err := s.store.SessionsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	return slices.DeleteFunc(all, func(one symbolon.Session) bool { return !one.Live(now) }), nil
}

func ignoreNotFound(err error) error {
	if symbolon.IsKind(err, symbolon.NotFound) {
		return nil
	}
	return err
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
