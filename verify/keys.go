package verify

import (
	"context"
	"crypto"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
	"symbolon.dev/token"
)

const (
	keysFresh = 5 * time.Minute  // then they are fetched again in the background
	keysLimit = time.Hour        // then they are no longer believed: a key may have been revoked
	keysPause = 10 * time.Second // for strangers' tokens
)

// keys are an issuer's published keys. While the issuer is away the old ones serve, up to a limit.
type keys struct {
	issuer *issuer
	pause  time.Duration // at least, between fetches because of a kid that nobody knows

	asking singleflight.Group
	mu     sync.Mutex
	set    token.KeySet
	since  time.Time // of the set
	tried  time.Time // the last fetch, however it ended
	age    int       // how often the set has been expired
}

// bound ties keys to the request for which they are looked up.
type bound struct {
	ctx  context.Context
	keys *keys
}

func (b bound) Key(kid, alg string) (crypto.PublicKey, error) { return b.keys.find(b.ctx, kid, alg) }

func (k *keys) find(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	set, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	key, err := set.Key(kid, alg)
	if !symbolon.IsKind(err, symbolon.NotFound) || !k.mayRetry() {
		return key, err
	}
	if set, failed := share(ctx, &k.asking, "", callTimeout, k.fetch); failed == nil {
		return set.Key(kid, alg)
	}
	return nil, err
}

func (k *keys) current(ctx context.Context) (token.KeySet, error) {
	now := k.issuer.clock()
	k.mu.Lock()
	set, age, have, idle := k.set, now.Sub(k.since), !k.since.IsZero(), now.Sub(k.tried)
	k.mu.Unlock()
	switch {
	case have && age < keysFresh:
	case have && age < keysLimit:
		if idle >= keysPause {
			go func() { _, _ = share(context.WithoutCancel(ctx), &k.asking, "", callTimeout, k.fetch) }()
		}
	default:
		return share(ctx, &k.asking, "", callTimeout, k.fetch)
	}
	return set, nil
}

// mayRetry bounds what strangers with made-up kids can make us do.
func (k *keys) mayRetry() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.issuer.clock().Sub(k.tried) >= k.pause
}

// expire makes the next look-up fetch: the issuer has said that its keys changed. A fetch that is
// under way may still bring the old ones, so it does not count.
func (k *keys) expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.since, k.tried = time.Time{}, time.Time{}
	k.age++
	k.asking.Forget("")
}

func (k *keys) fetch(ctx context.Context) (token.KeySet, error) {
	begun := k.issuer.clock()
	k.mu.Lock()
	age := k.age
	k.mu.Unlock()
	set, err := k.download(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.age == age {
		k.tried = begun
	}
	if err != nil {
		return token.KeySet{}, unavailable(err, "the keys of %s cannot be fetched", k.issuer.id)
	}
	if k.age == age {
		k.set, k.since = set, begun
	}
	return set, nil
}

func (k *keys) download(ctx context.Context) (token.KeySet, error) {
	known, err := k.issuer.describe(ctx)
	if err != nil {
		return token.KeySet{}, err
	}
	if known.JWKSURI == "" {
		return token.KeySet{}, symbolon.Errorf(symbolon.Unavailable, "the issuer publishes no keys")
	}
	body, err := k.issuer.get(ctx, known.JWKSURI)
	if err != nil {
		return token.KeySet{}, err
	}
	return token.ParseJWKS(body)
}
