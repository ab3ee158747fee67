package verify

import (
	"sync"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

const (
	// markFor is how long a revocation is remembered. A JWT that lives longer is never judged by
	// its signature alone.
	markFor  = 24 * time.Hour
	maxMarks = 500_000
)

// verdict is what the feed has to say of a JWT whose signature is right.
type verdict uint8

const (
	good  verdict = iota // nothing: the signature stands
	dead                 // its session, authorization or the token itself was revoked
	doubt                // something about it changed, or may have before we listened: ask the issuer
)

// marks remembers what the feed said, for JWTs that nobody introspects.
type marks struct {
	clock  symbolon.Clock
	leeway time.Duration

	mu    sync.RWMutex
	since time.Time // we have heard everything from here on
	dead  map[name]time.Time
	doubt map[name]time.Time // when it was said; concerns what was issued before
	swept time.Time
}

func newMarks(clock symbolon.Clock, leeway time.Duration) *marks {
	return &marks{clock: clock, leeway: leeway, dead: map[name]time.Time{}, doubt: map[name]time.Time{}}
}

// gap: signals may have been missed until now.
func (m *marks) gap() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since = m.clock()
}

func (m *marks) hear(s Signal) {
	switch s.Type {
	case KeyRotated, StreamVerification, CatalogChanged:
		return
	}
	now := m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	for _, n := range s.Subject.about() {
		if ends(s.Type) && n.by != byUser && n.by != byClient { // what users and clients get later is good again
			m.dead[n] = now
		} else {
			m.doubt[n] = now
		}
	}
}

// ends reports whether an event of this type ends what it is about, rather than changes it.
func ends(event string) bool {
	return event == SessionRevoked || event == TokenRevoked || event == AuthorizationRevoked
}

// sweep forgets what no living JWT can be concerned by, and if too much is left remembers nothing
// but that: everything older has to be asked about.
func (m *marks) sweep(now time.Time) {
	full := len(m.dead)+len(m.doubt) >= maxMarks
	if !full && now.Before(m.swept.Add(time.Minute)) {
		return
	}
	m.swept = now
	for _, from := range []map[name]time.Time{m.dead, m.doubt} {
		for n, at := range from {
			if now.Sub(at) > markFor {
				delete(from, n)
			}
		}
	}
	if len(m.dead)+len(m.doubt) >= maxMarks {
		clear(m.dead)
		clear(m.doubt)
		m.since = now
	}
}

// judge looks a JWT up. Clocks may differ by the leeway, so what was issued close to a mark is doubted too.
func (m *marks) judge(c *token.Claims) verdict {
	names := namesOf(c)
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, n := range names {
		if _, ok := m.dead[n]; ok {
			return dead
		}
	}
	issued := c.IssuedAt.Add(-m.leeway)
	if !issued.After(m.since) || c.Expires.Sub(c.IssuedAt) > markFor {
		return doubt
	}
	for _, n := range names {
		if at, ok := m.doubt[n]; ok && !issued.After(at) {
			return doubt
		}
	}
	return good
}
