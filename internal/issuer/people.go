package issuer

import (
	"context"
	"sync"

	"github.com/maypok86/otter/v2"

	"symbolon.dev"
)

// people remembers persons until a commit changes them. What a reader loads while a commit
// goes on may be the past already; the generation tells, and then it is not remembered.
type people struct {
	store Store
	known *otter.Cache[symbolon.UserID, *symbolon.User]

	mu         sync.Mutex
	generation uint64 // grows with each change of anybody
}

const maxPeople = 1 << 14

func newPeople(store Store) (*people, error) {
	known, err := otter.New(&otter.Options[symbolon.UserID, *symbolon.User]{MaximumSize: maxPeople})
	return &people{store: store, known: known}, err
}

func (p *people) find(ctx context.Context, id symbolon.UserID) (*symbolon.User, error) {
	if user, ok := p.known.GetIfPresent(id); ok {
		return user, nil
	}
	before := p.now()
	user, err := p.store.User(ctx, id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.generation == before {
		p.known.Set(id, user)
	}
	return user, nil
}

func (p *people) now() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.generation
}

func (p *people) forget(id symbolon.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generation++
	p.known.Invalidate(id)
}
