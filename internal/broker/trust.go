package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
	"symbolon.dev/token"
	"symbolon.dev/verify"
)

// entry is what the broker knows of one presented token, until a signal or the clock takes it
// away. Flights hang on it, so that taking it away cuts them.
type entry struct {
	key    symbolon.Hash
	claims *token.Claims
	until  time.Time // ask again after
	names  []name

	ready  atomic.Pointer[ready]
	word   atomic.Pointer[word]
	own    atomic.Pointer[word] // of an inner token: itself
	asking singleflight.Group   // for the word
	gone   atomic.Bool          // taken away, or thrown out with nothing under way: nobody may start on it

	mu      sync.Mutex // guards what follows, and the writing of gone
	cached  bool
	flights flights
}

// name is what a signal can call a token by.
type name struct {
	kind byte
	id   string
}

const (
	nameToken, nameAuthorization, nameSession, nameUser, nameClient = 't', 'a', 's', 'u', 'c'

	trustShards   = 64
	perShard      = 2048            // about 130,000 tokens in all
	trustFor      = 5 * time.Minute // between two introspections, if no signal comes before
	distrustFor   = 10 * time.Second
	askTimeout    = 5 * time.Second
	rememberFacts = 1024 // signals kept to compare answers with that were under way
)

func namesOf(c *token.Claims) []name {
	names := []name{{nameToken, c.ID}, {nameAuthorization, c.Authorization}, {nameSession, c.SessionID}, {nameClient, c.ClientID}}
	if c.Kind == token.KindService {
		names = append(names, name{nameClient, c.Subject})
	} else {
		names = append(names, name{nameUser, c.Subject})
	}
	for _, id := range token.Ancestors(c) { // ids of tokens and of clients
		names = append(names, name{nameToken, id}, name{nameClient, id})
	}
	for actor := c.Actor; actor != nil; actor = actor.Actor {
		names = append(names, name{nameClient, actor.Subject})
	}
	kept := names[:0]
	for _, n := range names {
		if n.id != "" {
			kept = append(kept, n)
		}
	}
	return kept
}

func namesIn(s verify.SubjectID) []name {
	kept := make([]name, 0, 5)
	for _, n := range [...]name{{nameToken, s.Token}, {nameAuthorization, s.Authorization}, {nameSession, s.Session}, {nameClient, s.Client}} {
		if n.id != "" {
			kept = append(kept, n)
		}
	}
	// The narrowest name is meant: a complex subject is a conjunction (SSF 1.0 §3).
	if len(kept) == 0 && s.User != "" {
		kept = append(kept, name{nameUser, s.User})
	}
	return kept
}

// trust remembers the introspection of tokens. Reading it takes one shared lock of one shard.
// An answer that a signal overtook on its way is thrown away and asked for again.
type trust struct {
	ask   func(ctx context.Context, raw string) (*token.Claims, error) // nil claims = inactive
	clock symbolon.Clock

	shards [trustShards]shard
	asking singleflight.Group

	mu     sync.Mutex // guards what follows; taken for entries that come and go, never for hits
	byName map[name]map[*entry]struct{}
	facts  []fact // the last signals, oldest first
	seen   uint64 // how many there were
}

type shard struct {
	sync.RWMutex
	entries map[symbolon.Hash]*entry
}

// fact is a signal as far as it concerns answers under way: nil names = everything.
type fact struct{ names []name }

func (t *trust) shard(key symbolon.Hash) *shard { return &t.shards[key[0]%trustShards] }

func newTrust(ask func(context.Context, string) (*token.Claims, error), clock symbolon.Clock) *trust {
	t := &trust{ask: ask, clock: clock, byName: map[name]map[*entry]struct{}{}}
	for i := range t.shards {
		t.shards[i].entries = map[symbolon.Hash]*entry{}
	}
	return t
}

// find gives the entry of a token; its claims are nil if the token is good for nothing. An error
// means that nobody could say.
func (t *trust) find(ctx context.Context, raw string) (*entry, error) {
	key := symbolon.HashOf(raw)
	s := t.shard(key)
	s.RLock()
	found := s.entries[key]
	s.RUnlock()
	if found != nil && !found.gone.Load() && t.clock().Before(found.until) {
		return found, nil
	}
	answer := t.asking.DoChan(string(key[:]), func() (any, error) {
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return t.learn(asked, key, raw)
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case result := <-answer:
		learnt, _ := result.Val.(*entry)
		return learnt, result.Err
	}
}

func (t *trust) learn(ctx context.Context, key symbolon.Hash, raw string) (*entry, error) {
	for range 4 {
		before := t.count()
		claims, err := t.ask(ctx, raw)
		if err != nil {
			return nil, err
		}
		if e := t.admit(key, claims, before); e != nil {
			return e, nil
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the token changed again and again while it was checked")
}

// admit stores an answer, unless a signal since before concerns it.
func (t *trust) admit(key symbolon.Hash, claims *token.Claims, before uint64) *entry {
	now := t.clock()
	e := &entry{key: key, claims: claims, until: now.Add(distrustFor), cached: true}
	if claims != nil {
		e.names, e.until = namesOf(claims), now.Add(trustFor)
		if claims.Expires.Before(e.until) {
			e.until = claims.Expires
		}
	}
	t.mu.Lock()
	if t.overtaken(e.names, before) {
		t.mu.Unlock()
		return nil
	}
	for _, n := range e.names {
		if t.byName[n] == nil {
			t.byName[n] = map[*entry]struct{}{}
		}
		t.byName[n][e] = struct{}{}
	}
	t.mu.Unlock()
	s := t.shard(key)
	s.Lock()
	thrown := s.entries[key]
	s.entries[key] = e
	extra := t.makeRoom(s, key, now)
	s.Unlock()
	t.throwOut(thrown)
	t.throwOut(extra...)
	return e
}

// makeRoom takes entries out of a full shard: what has ended, else whatever comes first.
func (t *trust) makeRoom(s *shard, keep symbolon.Hash, now time.Time) (out []*entry) {
	if len(s.entries) <= perShard {
		return nil
	}
	for key, e := range s.entries {
		if key != keep && (len(out) == 0 || now.After(e.until)) {
			out = append(out, e)
			delete(s.entries, key)
		}
	}
	return out
}

func (t *trust) count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

func (t *trust) overtaken(names []name, before uint64) bool {
	since := t.seen - before
	if since > uint64(len(t.facts)) {
		return true
	}
	for _, f := range t.facts[uint64(len(t.facts))-since:] {
		if f.names == nil || meet(f.names, names) {
			return true
		}
	}
	return false
}

func meet(a, b []name) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// withdraw takes away what names any of names, everything if nil, and returns what was under way
// with it. Whoever starts from now on has to ask again.
func (t *trust) withdraw(names []name) []*flight {
	t.mu.Lock()
	t.seen++
	t.facts = append(t.facts, fact{names})
	if len(t.facts) > rememberFacts {
		t.facts = append(t.facts[:0:0], t.facts[rememberFacts/2:]...)
	}
	hit := t.named(names)
	t.mu.Unlock()
	var open []*flight
	for e := range hit {
		e.mu.Lock()
		e.gone.Store(true)
		open = append(open, e.flights.list()...)
		e.mu.Unlock()
	}
	t.drop(hit)
	return open
}

// named collects entries; the caller holds mu.
func (t *trust) named(names []name) map[*entry]struct{} {
	hit := map[*entry]struct{}{}
	if names == nil {
		for _, entries := range t.byName {
			for e := range entries {
				hit[e] = struct{}{}
			}
		}
	}
	for _, n := range names {
		for e := range t.byName[n] {
			hit[e] = struct{}{}
		}
	}
	return hit
}

// drop removes entries that are gone from the shards.
func (t *trust) drop(hit map[*entry]struct{}) {
	for e := range hit {
		s := t.shard(e.key)
		s.Lock()
		if s.entries[e.key] == e {
			delete(s.entries, e.key)
		}
		s.Unlock()
		t.throwOut(e)
	}
}

// throwOut marks entries as no longer cached and forgets those with nothing under way.
func (t *trust) throwOut(entries ...*entry) {
	for _, e := range entries {
		if e == nil {
			continue
		}
		e.mu.Lock()
		e.cached = false
		idle := e.flights.first == nil
		if idle {
			e.gone.Store(true)
		}
		e.mu.Unlock()
		if idle {
			t.forget(e)
		}
	}
}

func (t *trust) forget(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range e.names {
		delete(t.byName[n], e)
		if len(t.byName[n]) == 0 {
			delete(t.byName, n)
		}
	}
}
