package issuer

import (
	"sync"
	"time"

	"symbolon.dev"
)

// marks are the revocations that stand, by target. In a single process they are complete.
type marks struct {
	clock symbolon.Clock

	mu   sync.RWMutex
	of   map[string]symbolon.Revocation
	news int64 // how many were added
	tidy int   // at this size the outlived ones are removed
}

const firstTidy = 1024

func newMarks(clock symbolon.Clock) *marks {
	return &marks{clock: clock, of: make(map[string]symbolon.Revocation), tidy: firstTidy}
}

// covers reports whether r kills what was issued at a time.
func covers(r symbolon.Revocation, issued time.Time) bool {
	return r.Before.IsZero() || !issued.After(r.Before)
}

// add records a revocation. Like the store, it only ever widens one that stands.
func (m *marks) add(r symbolon.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if standing, ok := m.of[r.Target]; ok {
		r = wider(standing, r)
	}
	m.of[r.Target] = r
	m.news++
	if len(m.of) >= m.tidy {
		m.tidyUp(m.clock())
	}
}

// version grows with each revocation.
func (m *marks) version() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.news
}

func wider(a, b symbolon.Revocation) symbolon.Revocation {
	if b.Before.IsZero() || (!a.Before.IsZero() && b.Before.After(a.Before)) {
		a.Before = b.Before
	}
	if b.Until.IsZero() || (!a.Until.IsZero() && b.Until.After(a.Until)) {
		a.Until = b.Until
	}
	return a
}

// tidyUp removes what nothing alive can hang on any more. Doing it at doubled size makes it
// cost next to nothing per mark.
func (m *marks) tidyUp(now time.Time) {
	for target, r := range m.of {
		if !r.Until.IsZero() && r.Until.Before(now) {
			delete(m.of, target)
		}
	}
	m.tidy = max(firstTidy, 2*len(m.of))
}

// cover reports whether something issued then, hanging on the targets, is revoked.
func (m *marks) cover(issued time.Time, targets []string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.of) == 0 {
		return false
	}
	for _, target := range targets {
		if r, ok := m.of[target]; ok && covers(r, issued) {
			return true
		}
	}
	return false
}
