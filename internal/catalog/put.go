package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"symbolon.dev"
)

// Whatever as Edit.Was replaces whichever version there is, if any.
const Whatever int64 = -1

// Edit is one wanted change: declare a document, or delete it.
type Edit struct {
	Kind   string
	ID     string
	Doc    json.RawMessage
	Delete bool
	Was    int64 // the version it replaces; 0 = there is none yet, or Whatever
}

const (
	// attempts against other replicas; each that is lost is a change that one of them made.
	attempts = 32
	// lifetime bounds whatever was issued to a client: its mark is kept for as long.
	lifetime = 400 * 24 * time.Hour
)

// Put makes the edits true, all or none, and reloads before it returns. An edit that changes
// nothing leaves no trace. Errors: Invalid names everything that is wrong with the catalog as it
// would be; Conflict if a version is not the one that Was says; NotFound for the deletion of
// what is not there.
func (c *Catalog) Put(ctx context.Context, actor, requestID string, edits ...Edit) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var err error
	for range attempts {
		var w *write
		if w, err = c.prepare(ctx, edits); err != nil || w.empty() {
			return err
		}
		if err = c.store.Commit(ctx, w.changes(actor, requestID, c.clock())...); err == nil {
			c.adopt(w.snapshot)
			return nil
		}
		var known *symbolon.Error
		if !errors.As(err, &known) || known.Kind != symbolon.Conflict {
			return err
		} // another replica changed the catalog meanwhile: look again
	}
	return err
}

// Check says what [Catalog.Put] would say, and changes nothing.
func (c *Catalog) Check(ctx context.Context, edits ...Edit) error {
	_, err := c.prepare(ctx, edits)
	return err
}

// write is a change that is ready to be committed.
type write struct {
	before   state
	changed  []symbolon.Object // with the version they will have
	deleted  []symbolon.Object
	snapshot *Snapshot
}

func (c *Catalog) prepare(ctx context.Context, edits []Edit) (*write, error) {
	before, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	w, found := &write{before: before}, &findings{}
	after := state{epoch: before.epoch + 1, objects: maps.Clone(before.objects)}
	seen := map[ref]bool{}
	for _, e := range edits {
		at := ref{e.Kind, e.ID}
		if seen[at] {
			found.add(at.String(), "is edited twice")
			continue
		}
		seen[at] = true
		if err := w.apply(found, after, at, e, c.clock()); err != nil {
			return nil, err
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	if w.snapshot, err = c.build(after); err == nil {
		err = c.sectors(ctx, w)
	}
	return w, err
}

func (w *write) empty() bool { return len(w.changed) == 0 && len(w.deleted) == 0 }

func (w *write) apply(found *findings, after state, at ref, e Edit, now time.Time) error {
	old, exists := w.before.objects[at]
	if e.Was != Whatever && e.Was != old.Version {
		return symbolon.Errorf(symbolon.Conflict, "%s is at version %d, not %d", at, old.Version, e.Was)
	}
	if e.Delete {
		if !exists {
			return symbolon.Errorf(symbolon.NotFound, "there is no %s", at)
		}
		delete(after.objects, at)
		w.deleted = append(w.deleted, old)
		return nil
	}
	doc, ok := canonical(found, e.Kind, e.ID, e.Doc)
	if !ok || exists && bytes.Equal(doc, old.Doc) {
		return nil
	}
	fresh := symbolon.Object{Kind: e.Kind, ID: e.ID, Version: old.Version + 1, Doc: doc, Updated: now}
	after.objects[at] = fresh
	w.changed = append(w.changed, fresh)
	return nil
}

// changes is the transaction: the epoch first, so that a lost race fails before anything else.
func (w *write) changes(actor, requestID string, now time.Time) []symbolon.Change {
	changes := []symbolon.Change{symbolon.PutObject{
		Object: symbolon.Object{Kind: epochKind, ID: epochID, Doc: json.RawMessage(`{}`), Updated: now}, Was: w.before.epoch}}
	news := func(kind symbolon.EventType, o symbolon.Object) symbolon.Event {
		e := symbolon.Event{ID: symbolon.NewEventID(), At: now, Type: kind, Actor: actor, RequestID: requestID}
		switch o.Kind {
		case symbolon.KindClient:
			e.Client = symbolon.ClientID(o.ID)
		case symbolon.KindResource:
			e.Resource = symbolon.ResourceID(o.ID)
		}
		return e
	}
	told := func(kind symbolon.EventType, o symbolon.Object) symbolon.Event {
		e := news(kind, o)
		e.Data = map[string]any{"kind": o.Kind, "id": o.ID, "version": o.Version}
		return e
	}
	end := func(o symbolon.Object) {
		mark := symbolon.Revocation{Target: o.ID, Before: now, Until: now.Add(lifetime)}
		changes = append(changes, symbolon.Revoke{Revocation: mark}, news(symbolon.ClientDisabled, o))
	}
	for _, o := range w.deleted {
		changes = append(changes, symbolon.DeleteObject{Kind: o.Kind, ID: o.ID}, told(symbolon.ObjectDeleted, o))
		if o.Kind == symbolon.KindClient {
			end(o)
		}
	}
	for _, o := range w.changed {
		changes = append(changes, symbolon.PutObject{Object: o, Was: o.Version - 1}, told(symbolon.ObjectChanged, o))
		if w.turnsOff(o) {
			end(o)
		}
	}
	return changes
}

// turnsOff reports whether a changed object is a client that was enabled and no longer is.
func (w *write) turnsOff(o symbolon.Object) bool {
	if o.Kind != symbolon.KindClient || !disabled(o.Doc) {
		return false
	}
	old, existed := w.before.objects[ref{o.Kind, o.ID}]
	return existed && !disabled(old.Doc)
}

func disabled(doc json.RawMessage) bool {
	var c struct {
		Disabled bool `json:"disabled"`
	}
	return json.Unmarshal(doc, &c) == nil && c.Disabled
}
