// Package catalog keeps what an operator declares – clients, resources, groups, organisations and
// policies – and gives everybody else one immutable [Snapshot] of it.
//
// The laws:
//
//   - What is kept is valid as a whole: every document is held against its shape and against all
//     the others, and the policies are compiled, before anything is written. A name that is used
//     exists; a client, group or resource in use cannot be deleted.
//   - Changes of several objects are one transaction, with their events. The catalog has one
//     version (its epoch), which every change moves, so that two replicas cannot each make a
//     change that is valid only without the other's.
//   - A Snapshot never changes; readers load a pointer. One that no longer loads leaves the last
//     good one in force.
//   - [Snapshot.Export] holds no secret and no hash of one, and [Import] decides as the original.
//
// Flow of a change: [Catalog.Put] → decode strictly → build the would-be Snapshot → commit
// documents, events, marks and epoch → swap the pointer. Other replicas follow by [Catalog.Reload]
// when the event log says that an object changed.
package catalog

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"symbolon.dev"
	"symbolon.dev/internal/claim"
)

// Kinds are the kinds of object that the catalog keeps.
var Kinds = []string{symbolon.KindOrganisation, symbolon.KindGroup, symbolon.KindClient, symbolon.KindResource, symbolon.KindPolicy}

// The epoch is an object beside the declared ones: its version counts the changes.
const (
	epochKind = "catalog"
	epochID   = "epoch"
)

// Store is what the catalog needs of the store.
type Store interface {
	Objects(ctx context.Context, kinds ...string) ([]symbolon.Object, error)
	Commit(ctx context.Context, changes ...symbolon.Change) error
}

// Options of [Open].
type Options struct {
	Issuer string // its URL: built-in resources are under it
	Clock  symbolon.Clock

	Outbound *http.Client // asks sector_identifier_uris; nil = no client may declare one
}

// Catalog is safe for concurrent use.
type Catalog struct {
	store   Store
	issuer  string
	clock   symbolon.Clock
	writing sync.Mutex // one change at a time in this process
	current atomic.Pointer[Snapshot]

	expressions *claim.Compiler
	outbound    *http.Client
}

// Open loads the catalog. A store that has never held one gets the built-in policies first, as
// ordinary documents that an operator may edit.
func Open(ctx context.Context, store Store, o Options) (*Catalog, error) {
	if o.Clock == nil {
		o.Clock = symbolon.Now
	}
	c := &Catalog{store: store, issuer: o.Issuer, clock: o.Clock, expressions: claim.NewCompiler(), outbound: o.Outbound}
	if err := c.Reload(ctx); err != nil {
		return nil, err
	}
	if !c.Current().pristine {
		return c, nil
	}
	err := c.Put(ctx, "system", "", seeds()...)
	var known *symbolon.Error
	if errors.As(err, &known) && known.Kind == symbolon.Conflict { // another replica was first
		err = c.Reload(ctx)
	}
	return c, err
}

// Current is the snapshot in force. Take it once per request.
func (c *Catalog) Current() *Snapshot { return c.current.Load() }

// Reload follows what other replicas have changed; it costs one small read if they have not.
// On an error the snapshot in force stays.
func (c *Catalog) Reload(ctx context.Context) error {
	epoch, err := c.epoch(ctx)
	if err != nil {
		return err
	}
	if now := c.Current(); now != nil && epoch > 0 && now.epoch >= epoch {
		return nil
	}
	state, err := c.read(ctx)
	if err != nil {
		return err
	}
	snapshot, err := c.build(state)
	if err != nil {
		return err
	}
	c.adopt(snapshot)
	return nil
}

// adopt puts a snapshot in force unless a newer one is.
func (c *Catalog) adopt(snapshot *Snapshot) {
	for {
		now := c.current.Load()
		if now != nil && now.epoch > snapshot.epoch {
			return
		}
		if c.current.CompareAndSwap(now, snapshot) {
			return
		}
	}
}

// state is the declared objects at an epoch.
type state struct {
	epoch   int64
	objects map[ref]symbolon.Object
}

type ref struct{ kind, id string }

func (r ref) String() string { return r.kind + " " + r.id }

func (c *Catalog) epoch(ctx context.Context) (int64, error) {
	found, err := c.store.Objects(ctx, epochKind)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].Version, nil
}

func (c *Catalog) read(ctx context.Context) (state, error) {
	all, err := c.store.Objects(ctx, append([]string{epochKind}, Kinds...)...)
	if err != nil {
		return state{}, err
	}
	s := state{objects: map[ref]symbolon.Object{}}
	for _, o := range all {
		if o.Kind == epochKind {
			s.epoch = o.Version
			continue
		}
		s.objects[ref{o.Kind, o.ID}] = o
	}
	return s, nil
}

func (c *Catalog) build(s state) (*Snapshot, error) {
	found := &findings{}
	d := declared{issuer: c.issuer}
	for _, o := range s.objects {
		d.take(found, o.Kind, o.ID, o.Doc)
	}
	snapshot := assemble(&d, found)
	check(&d, snapshot, c.expressions, found)
	if err := found.err(); err != nil {
		return nil, err
	}
	snapshot.Version, snapshot.epoch = versionOf(c.issuer, s.objects), s.epoch
	snapshot.pristine = s.epoch == 0 && len(s.objects) == 0
	return snapshot, nil
}
