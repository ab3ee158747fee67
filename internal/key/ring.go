package key

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"symbolon.dev"
)

// Store is where the sealed keys lie.
type Store interface {
	Keys(ctx context.Context) ([]symbolon.SigningKey, error)
	Commit(ctx context.Context, changes ...symbolon.Change) error
}

// Options of a ring. Zero values are the defaults.
type Options struct {
	Algorithms []string      // that the issuer signs with; default ES256
	Period     time.Duration // that a key signs, default 30 days
	Prepublish time.Duration // that a key is in the JWKS before it signs, default 1 day
	Overlap    time.Duration // that a retired key still verifies; longer than any JWT lives; default 1 day
	Clock      symbolon.Clock
}

func (o *Options) fill() {
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"ES256"}
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.Period, 30 * 24 * time.Hour}, {&o.Prepublish, 24 * time.Hour}, {&o.Overlap, 24 * time.Hour}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.Clock == nil {
		o.Clock = symbolon.Now
	}
}

// Ring is the signing keys of the issuer. It is safe for concurrent use; what the request path
// calls ([Ring.Signer], [Ring.Key], [Ring.JWKS]) only loads a pointer.
type Ring struct {
	store Store
	vault *Vault
	opts  Options

	turning sync.Mutex // one change at a time in this process
	wanted  []string   // under turning
	now     atomic.Pointer[state]
}

// state is an immutable view of the store's keys.
type state struct {
	keys []entry // oldest first by Active
	jwks []byte
}

type entry struct {
	symbolon.SigningKey // Private is nil
	signer              *Signer
}

func (e entry) verifies(at time.Time) bool { return at.Before(e.Expires) }
func (e entry) signs(at time.Time) bool    { return !at.Before(e.Active) && at.Before(e.Retired) }

// Open loads the keys and makes those that are missing, except RSA ones: they take long, and
// come with the first [Ring.Rotate] or [Ring.Ensure]. A master key that does not fit the stored keys
// is an error of kind Invalid that says so.
func Open(ctx context.Context, store Store, vault *Vault, opts Options) (*Ring, error) {
	opts.fill()
	if opts.Prepublish < 0 || opts.Overlap < 0 || opts.Period <= opts.Prepublish {
		return nil, symbolon.Errorf(symbolon.Invalid, "signing keys must sign for longer than they are published ahead")
	}
	r := &Ring{store: store, vault: vault, opts: opts, wanted: slices.Clone(opts.Algorithms)}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	var quick []string
	for _, alg := range opts.Algorithms {
		s, err := schemeOf(alg)
		if err != nil {
			return nil, err
		}
		if !s.slow {
			quick = append(quick, alg)
		}
	}
	return r, r.Ensure(ctx, quick...)
}

// Reload takes over what other replicas have written.
func (r *Ring) Reload(ctx context.Context) error {
	stored, err := r.store.Keys(ctx)
	if err != nil {
		return err
	}
	at, next := r.opts.Clock(), new(state)
	for _, k := range stored {
		if !at.Before(k.Expires) {
			continue
		}
		e, err := r.unseal(k)
		if err != nil {
			return err
		}
		next.keys = append(next.keys, e)
	}
	slices.SortFunc(next.keys, func(a, b entry) int {
		if c := a.Active.Compare(b.Active); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	if next.jwks, err = publish(next.keys); err != nil {
		return err
	}
	r.now.Store(next)
	return nil
}

const purpose = "signing-key"

func (r *Ring) unseal(k symbolon.SigningKey) (entry, error) {
	plain, err := r.vault.Open(purpose, k.Private, []byte(string(k.ID)+" "+k.Alg))
	if err != nil {
		return entry{}, symbolon.Errorf(symbolon.Invalid,
			"the master key does not open signing key %s: this store was made with another master key", k.ID).Because(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return entry{}, symbolon.Errorf(symbolon.Internal, "signing key %s is damaged", k.ID).Because(err)
	}
	scheme, err := schemeOf(k.Alg)
	if err != nil {
		return entry{}, err
	}
	private, _ := parsed.(crypto.Signer)
	e := entry{SigningKey: k, signer: &Signer{id: k.ID, alg: k.Alg, scheme: scheme, key: private}}
	if private == nil || !e.signer.suits() {
		return entry{}, symbolon.Errorf(symbolon.Internal, "signing key %s is not one for %s", k.ID, k.Alg)
	}
	e.Private = nil
	return e, nil
}

func publish(keys []entry) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: make([]jwk, 0, len(keys))}
	for _, k := range keys {
		public, err := k.signer.jwk()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, public)
	}
	return json.Marshal(set)
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// JWKS is the public key set (RFC 7517 §5). The caller must not change it.
func (r *Ring) JWKS() []byte { return r.now.Load().jwks }

// Signer gives the key that signs now; kind Unavailable if there is none (yet).
func (r *Ring) Signer(alg string) (*Signer, error) {
	at, keys := r.opts.Clock(), r.now.Load().keys
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i].Alg == alg && keys[i].signs(at) {
			return keys[i].signer, nil
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "no key is ready to sign with %s", alg)
}

// Key finds a public key that may verify: published and not expired. Without a kid it must be the
// only one of its algorithm. The error is of kind NotFound.
func (r *Ring) Key(kid, alg string) (crypto.PublicKey, error) {
	at := r.opts.Clock()
	var found *Signer
	for _, k := range r.now.Load().keys {
		if k.Alg != alg || !k.verifies(at) || (kid != "" && string(k.ID) != kid) {
			continue
		}
		if found != nil {
			found = nil
			break
		}
		found = k.signer
	}
	if found == nil {
		return nil, symbolon.Refuse(symbolon.NotFound, "invalid_token", "no trusted key could have signed the token")
	}
	return found.Public(), nil
}

// Keys describes the keys that are published, without their private parts, oldest first.
func (r *Ring) Keys() []symbolon.SigningKey {
	keys := r.now.Load().keys
	out := make([]symbolon.SigningKey, len(keys))
	for i, k := range keys {
		out[i] = k.SigningKey
	}
	return out
}
