// Package logout tells clients that a session of one of their people is over.
//
// Who is told: every client that was given an authorization in the session and registered an
// address for it. There are two ways, and a client may use both:
//
//	back channel   session.ended in the event log → a signed logout token, posted to the client by
//	               whichever replica is first (OpenID Connect Back-Channel Logout 1.0)
//	front channel  frames in the page that says goodbye; the browser brings its own cookies
//	               (OpenID Connect Front-Channel Logout 1.0)
//
// Laws:
//
//   - The back channel hears of every end: logout, account page, administrator, a person disabled
//     or deleted. A session that only runs out is no logout: what clients made of it has an end of
//     its own. Nothing hangs on a delivery, and nobody waits for one beyond [Parting.Wait].
//   - Each try at a delivery is claimed by a mark in the store, so that replicas do not repeat one
//     another; a success uses up the claims of all later tries. A replica that dies after its claim
//     leaves the next try to the others, or to its own next start.
//   - What others named is called through the guarded client alone: no private address, no redirect.
//   - A client hears the subject and session by the names that its ID tokens had.
//
// Flow: [Herald.Hear] queues the event → the audience is read → each delivery waits in line for its
// next try → claim, sign, post → done, or again after a longer pause, at most len(pauses) times.
package logout

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Store is what this room reads and writes.
type Store interface {
	AuthorizationsOf(ctx context.Context, user symbolon.UserID) ([]symbolon.Authorization, error)
	SearchEvents(ctx context.Context, q symbolon.EventQuery) ([]symbolon.Event, error)
	Commit(ctx context.Context, changes ...symbolon.Change) error
}

// Config of [New]. All of it must be given.
type Config struct {
	Issuer  string
	Store   Store
	Client  func(symbolon.ClientID) (*symbolon.Client, bool)
	Subject func(*symbolon.Client, symbolon.UserID) string    // sub of the client's ID tokens
	Session func(*symbolon.Client, symbolon.SessionID) string // their sid
	Signer  func(alg string) (token.Signer, error)
	HTTP    *http.Client // guarded: see internal/outbound
	Clock   symbolon.Clock
	Log     *slog.Logger
}

// Herald carries the news. It is safe for concurrent use.
type Herald struct {
	Config
	bell chan struct{} // there is something new to do

	mu      sync.Mutex
	heard   []symbolon.Event // whose audience has not been read yet
	line    line             // deliveries that wait for their time
	busy    map[symbolon.ClientID]int
	posting int
	waiting map[symbolon.SessionID]*Parting
}

// New makes one; it carries nothing until Run.
func New(c Config) *Herald {
	return &Herald{Config: c, bell: make(chan struct{}, 1), busy: map[symbolon.ClientID]int{}, waiting: map[symbolon.SessionID]*Parting{}}
}

const (
	maxHeard   = 100_000     // ends of sessions, and deliveries, that may wait
	retryAfter = time.Second // when the store does not answer
)

// Hear takes an event of the log. It never blocks.
func (h *Herald) Hear(e symbolon.Event) {
	if e.Type != symbolon.SessionEnded || e.User == "" || e.Session == "" {
		return
	}
	h.mu.Lock()
	full := len(h.heard) >= maxHeard
	if !full {
		h.heard = append(h.heard, e)
	}
	h.mu.Unlock()
	if full {
		h.Log.Error("clients are not told of the end of a session: too many wait", "session", e.Session)
		return
	}
	h.ring()
}

func (h *Herald) ring() {
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

// Means reports whether sub and sid of an ID token of c name this very session.
func (h *Herald) Means(c *symbolon.Client, s *symbolon.Session, sub, sid string) bool {
	return s != nil && sub == h.Subject(c, s.User) && sid == h.Session(c, s.ID)
}

// audience lists the clients that got something in a session, each once.
func (h *Herald) audience(ctx context.Context, user symbolon.UserID, session symbolon.SessionID) ([]*symbolon.Client, error) {
	given, err := h.Store.AuthorizationsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	var clients []*symbolon.Client
	seen := map[symbolon.ClientID]bool{}
	for i := range given {
		id := given[i].Client
		if given[i].Session != session || seen[id] {
			continue
		}
		seen[id] = true
		if c, ok := h.Client(id); ok && !c.Disabled {
			clients = append(clients, c)
		}
	}
	return clients, nil
}

// Run carries until ctx ends, and waits for what is on its way then. It begins with what a process
// that ended too early may have left undone.
func (h *Herald) Run(ctx context.Context) error {
	var posts sync.WaitGroup
	defer posts.Wait()
	if err := h.recall(ctx); err != nil && ctx.Err() == nil {
		h.Log.Error("whom to tell of sessions that ended before the start is not known", "cause", err)
	}
	for {
		read := h.resolve(ctx)
		pause := h.dispatch(context.WithoutCancel(ctx), &posts) // a claimed try is made
		if !read {
			pause = min(pause, retryAfter)
		}
		select {
		case <-h.bell:
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// recall hears again what ended lately. Claims keep what was delivered from being delivered twice.
func (h *Herald) recall(ctx context.Context) error {
	ended, err := h.Store.SearchEvents(ctx, symbolon.EventQuery{Types: []symbolon.EventType{symbolon.SessionEnded}, From: h.Clock().Add(-memory), Limit: maxRecalled})
	for _, e := range ended {
		h.Hear(e)
	}
	return err
}

// resolve turns what was heard into deliveries. It is false if the store does not answer: then the
// rest has to be read later.
func (h *Herald) resolve(ctx context.Context) bool {
	for {
		h.mu.Lock()
		if len(h.heard) == 0 {
			h.heard = nil
			h.mu.Unlock()
			return true
		}
		e := h.heard[0]
		h.mu.Unlock()
		clients, err := h.audience(ctx, e.User, e.Session)
		if err != nil {
			h.Log.Error("whom to tell of the end of a session cannot be read; it is tried again", "session", e.Session, "cause", err)
			return false
		}
		h.enlist(e, clients)
		h.mu.Lock()
		h.heard = h.heard[1:]
		h.mu.Unlock()
	}
}
