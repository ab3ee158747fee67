package key

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"symbolon.dev"
)

// raceWindow is how long the mark of a key's successor is kept. The key is in the store from the
// moment the mark is, so it only has to outlast replicas that decided on what they read before.
const raceWindow = time.Hour

// Rotate does what is due: it makes keys that are missing and publishes successors of those that
// end soon. Call it at start in the background, and every hour or so, on every replica.
func (r *Ring) Rotate(ctx context.Context) error {
	r.turning.Lock()
	defer r.turning.Unlock()
	if err := r.Reload(ctx); err != nil {
		return err
	}
	for _, alg := range r.wanted {
		if err := r.provide(ctx, alg); err != nil {
			return err
		}
	}
	return nil
}

// Ensure makes the ring sign with these algorithms from now on, RSA ones included.
func (r *Ring) Ensure(ctx context.Context, algs ...string) error {
	r.turning.Lock()
	defer r.turning.Unlock()
	for _, alg := range algs {
		if _, err := schemeOf(alg); err != nil {
			return err
		}
		if !slices.Contains(r.wanted, alg) {
			r.wanted = append(r.wanted, alg)
		}
		if err := r.provide(ctx, alg); err != nil {
			return err
		}
	}
	return nil
}

// RotateNow lets another key sign from this moment: the published successor, or a new one. The old
// key still verifies for the overlap. Conflict means that somebody else just did the same.
func (r *Ring) RotateNow(ctx context.Context, alg, actor string) error {
	r.turning.Lock()
	defer r.turning.Unlock()
	if err := r.Reload(ctx); err != nil {
		return err
	}
	changes, err := r.replace(alg, actor, func(old *symbolon.SigningKey, at time.Time) {
		old.Expires = at.Add(r.opts.Overlap)
	})
	if err != nil {
		return err
	}
	return r.commit(ctx, changes)
}

// Revoke ends a key at once, with every token that it signed, because its private part may be
// known to others. If it was signing, another takes its place.
func (r *Ring) Revoke(ctx context.Context, id symbolon.KeyID, actor, reason string) error {
	r.turning.Lock()
	defer r.turning.Unlock()
	if err := r.Reload(ctx); err != nil {
		return err
	}
	keys, at := r.now.Load().keys, r.opts.Clock()
	i := slices.IndexFunc(keys, func(k entry) bool { return k.ID == id })
	if i < 0 {
		return symbolon.Errorf(symbolon.NotFound, "there is no signing key %s", id)
	}
	end := func(old *symbolon.SigningKey, at time.Time) { old.Expires = at }
	changes, err := r.withdraw(&keys[i], at, actor, end)
	if err != nil {
		return err
	}
	news := r.news(keys[i].SigningKey, at, actor, "revoked")
	news.Reason = reason
	return r.commit(ctx, append(changes, news))
}

// withdraw ends a key and, unless it had done its work already, lets another do it.
func (r *Ring) withdraw(k *entry, at time.Time, actor string, end func(*symbolon.SigningKey, time.Time)) ([]symbolon.Change, error) {
	if k.signs(at) {
		return r.replace(k.Alg, actor, end)
	}
	changes, err := r.retire(*k, at, end)
	if err != nil || !at.Before(k.Active) {
		return changes, err
	}
	made, err := r.successor(k.Alg, k, at, k.Active, actor)
	return append(changes, made...), err
}

// provide makes the key that alg lacks now or will lack within the prepublication time.
func (r *Ring) provide(ctx context.Context, alg string) error {
	at, last := r.opts.Clock(), r.last(alg)
	if last != nil && at.Before(last.Retired.Add(-r.opts.Prepublish)) {
		return nil
	}
	active := at
	if last != nil && last.Retired.After(at) {
		active = last.Retired
	}
	changes, err := r.successor(alg, last, at, active, "system")
	if err != nil {
		return err
	}
	err = r.commit(ctx, changes)
	if isConflict(err) { // another replica made it, and commit has loaded it
		return nil
	}
	return err
}

// last is the key of alg that becomes active last; nil if there is none.
func (r *Ring) last(alg string) *entry {
	keys := r.now.Load().keys
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i].Alg == alg {
			return &keys[i]
		}
	}
	return nil
}

// replace retires the key that signs and puts the published successor or a new key in its place.
func (r *Ring) replace(alg, actor string, end func(*symbolon.SigningKey, time.Time)) ([]symbolon.Change, error) {
	at := r.opts.Clock()
	signing, err := r.Signer(alg)
	if err != nil {
		return nil, err
	}
	keys := r.now.Load().keys
	i := slices.IndexFunc(keys, func(k entry) bool { return k.ID == signing.id })
	changes, err := r.retire(keys[i], at, end)
	if err != nil {
		return nil, err
	}
	if last := r.last(alg); last.ID != signing.id {
		early, err := r.stored(*last)
		if err != nil {
			return nil, err
		}
		r.live(&early, at)
		return append(changes, r.mark("activate", alg, &last.SigningKey, at), symbolon.PutKey{Key: early}, r.news(early, at, actor, "activated")), nil
	}
	made, err := r.successor(alg, &keys[i], at, at, actor)
	return append(changes, made...), err
}

func (r *Ring) retire(old entry, at time.Time, end func(*symbolon.SigningKey, time.Time)) ([]symbolon.Change, error) {
	k, err := r.stored(old)
	if err != nil {
		return nil, err
	}
	if k.Retired.After(at) {
		k.Retired = at
	}
	end(&k, at)
	return []symbolon.Change{symbolon.PutKey{Key: k}}, nil
}

// successor makes a key that follows previous, guarded so that only one replica can.
func (r *Ring) successor(alg string, previous *entry, at, active time.Time, actor string) ([]symbolon.Change, error) {
	made, err := r.create(alg, at, active)
	if err != nil {
		return nil, err
	}
	var before *symbolon.SigningKey
	if previous != nil {
		before = &previous.SigningKey
	}
	return []symbolon.Change{r.mark("succeed", alg, before, at), symbolon.PutKey{Key: made}, r.news(made, at, actor, "published")}, nil
}

func (r *Ring) create(alg string, at, active time.Time) (symbolon.SigningKey, error) {
	scheme, err := schemeOf(alg)
	if err != nil {
		return symbolon.SigningKey{}, err
	}
	private, err := scheme.create()
	if err != nil {
		return symbolon.SigningKey{}, err
	}
	k := symbolon.SigningKey{ID: symbolon.NewKeyID(), Alg: alg, Created: at}
	r.live(&k, active)
	return r.seal(k, private)
}

// live writes down when a key signs and how long it verifies.
func (r *Ring) live(k *symbolon.SigningKey, active time.Time) {
	k.Active = active
	k.Retired = active.Add(r.opts.Period)
	k.Expires = k.Retired.Add(r.opts.Overlap)
}

// stored is a loaded key in the form that the store takes.
func (r *Ring) stored(e entry) (symbolon.SigningKey, error) {
	return r.seal(e.SigningKey, e.signer.key)
}

func (r *Ring) seal(k symbolon.SigningKey, private any) (symbolon.SigningKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return symbolon.SigningKey{}, err
	}
	k.Private = r.vault.Seal(purpose, der, []byte(string(k.ID)+" "+k.Alg))
	clear(der)
	return k, nil
}

func (r *Ring) mark(step, alg string, k *symbolon.SigningKey, at time.Time) symbolon.Change {
	name := "key/" + step + "/" + alg
	if k != nil {
		name += "/" + string(k.ID)
	}
	return symbolon.MarkOnce{Key: symbolon.HashOf(name), Expires: at.Add(raceWindow)}
}

func (r *Ring) news(k symbolon.SigningKey, at time.Time, actor, step string) symbolon.Event {
	return symbolon.Event{ID: symbolon.NewEventID(), At: at, Type: symbolon.KeyRotated, Actor: actor,
		Data: map[string]any{"kid": string(k.ID), "alg": k.Alg, "step": step, "active": k.Active.Unix()}}
}

// commit writes and loads what then stands, also after a Conflict.
func (r *Ring) commit(ctx context.Context, changes []symbolon.Change) error {
	err := r.store.Commit(ctx, changes...)
	if err != nil && !isConflict(err) {
		return err
	}
	if failed := r.Reload(ctx); failed != nil {
		return failed
	}
	return err
}

func isConflict(err error) bool {
	var known *symbolon.Error
	return errors.As(err, &known) && known.Kind == symbolon.Conflict
}
