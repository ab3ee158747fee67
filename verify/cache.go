package verify

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"symbolon.dev"
	"symbolon.dev/token"
)

// answer is what the issuer said of one token; claims nil = inactive. It does not change.
type answer struct {
	key    symbolon.Hash
	claims *token.Claims
	until  time.Time
}

type answers = otter.Cache[symbolon.Hash, *answer]

// cache keeps answers by the hash of the token, and an index of the names by which signals call
// them. A hit takes no lock of ours. Whoever stores or forgets holds mu throughout, so that an
// answer is never stored after the signal that withdrew it.
type cache struct {
	clock   symbolon.Clock
	size    int
	answers atomic.Pointer[answers] // replaced as a whole when all is forgotten

	mu     sync.Mutex
	byName map[name]map[*answer]struct{}
	seen   uint64          // signals so far
	last   map[name]uint64 // the number of the last signal about a name
	all    uint64          // the number of the last signal about everything
}

// maxRemembered bounds last: beyond it, answers under way are asked for again.
const maxRemembered = 4096

func newCache(size int, clock symbolon.Clock) (*cache, error) {
	c := &cache{clock: clock, size: size, byName: map[name]map[*answer]struct{}{}, last: map[name]uint64{}}
	empty, err := c.empty()
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "a cache of %d answers cannot be made", size).Because(err)
	}
	c.answers.Store(empty)
	return c, nil
}

func (c *cache) empty() (*answers, error) {
	return otter.New(&otter.Options[symbolon.Hash, *answer]{
		MaximumSize: c.size,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[symbolon.Hash, *answer]) time.Duration {
			return max(e.Value.until.Sub(c.clock()), time.Nanosecond)
		}),
		OnDeletion: func(e otter.DeletionEvent[symbolon.Hash, *answer]) { c.unindex(e.Value) },
	})
}

func (c *cache) get(key symbolon.Hash) (*token.Claims, bool) {
	a, ok := c.answers.Load().GetIfPresent(key)
	if !ok || !c.clock().Before(a.until) {
		return nil, false
	}
	return a.claims, true
}

func (c *cache) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// put stores an answer to a question that was sent when seen signals had come. It refuses if one
// of those since concerns the token.
func (c *cache) put(key symbolon.Hash, claims *token.Claims, until time.Time, seen uint64) bool {
	a := &answer{key: key, claims: claims, until: until}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all > seen {
		return false
	}
	for _, n := range a.names() {
		if c.last[n] > seen {
			return false
		}
	}
	for _, n := range a.names() {
		if c.byName[n] == nil {
			c.byName[n] = map[*answer]struct{}{}
		}
		c.byName[n][a] = struct{}{}
	}
	c.answers.Load().Set(key, a)
	return true
}

// forget drops what has any of the names; nil = everything.
func (c *cache) forget(names []name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	if names == nil || len(c.last)+len(names) > maxRemembered {
		c.all = c.seen
		clear(c.last)
	}
	if names == nil {
		c.replace()
		return
	}
	for _, n := range names {
		c.last[n] = c.seen
		for a := range c.byName[n] {
			c.answers.Load().Invalidate(a.key)
		}
	}
}

// replace begins anew: to delete a hundred thousand answers one by one would take longer.
func (c *cache) replace() {
	fresh, err := c.empty()
	if err != nil {
		panic(err) // the same options were good before
	}
	c.byName = map[name]map[*answer]struct{}{}
	c.answers.Store(fresh)
}

// unindex is called by otter on a goroutine of its own after an answer has gone.
func (c *cache) unindex(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range a.names() {
		delete(c.byName[n], a)
		if len(c.byName[n]) == 0 {
			delete(c.byName, n)
		}
	}
}

func (a *answer) names() []name {
	if a.claims == nil {
		return nil
	}
	return namesOf(a.claims)
}
