package verify

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"symbolon.dev"
	"symbolon.dev/token"
)

// IntrospectorOptions of an [Introspector]. Client is needed; zero values of the rest are the defaults.
type IntrospectorOptions struct {
	Client
	MaxAge time.Duration // that an answer is believed without asking again; default 1 minute
	Size   int           // answers kept, default 100,000
}

const (
	defaultMaxAge    = time.Minute
	defaultSize      = 100_000
	inactiveAge      = 10 * time.Second // so that one bad token does not cost a question each time
	maxOvertaken     = 4
	maxPresentedSize = token.DefaultMaxSize
)

// Introspector asks the issuer about tokens (RFC 7662) and keeps what it answers until the token
// ends, the answer is old, or a signal concerns it. It is safe for concurrent use.
type Introspector struct {
	issuer *issuer
	as     credential
	maxAge time.Duration

	asking singleflight.Group
	cache  *cache
}

// NewIntrospector checks the options; the error is of kind Invalid.
func NewIntrospector(o IntrospectorOptions) (*Introspector, error) {
	at, as, err := o.connect(oauthNames)
	if err != nil {
		return nil, err
	}
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.Size == 0 {
		o.Size = defaultSize
	}
	kept, err := newCache(o.Size, o.Clock)
	if err != nil {
		return nil, err
	}
	return &Introspector{issuer: at, as: as, maxAge: o.MaxAge, cache: kept}, nil
}

// Introspect gives the claims of an active token, nil for an inactive one. The caller must not
// change them. An error, of kind Unavailable, means that nobody could say.
func (i *Introspector) Introspect(ctx context.Context, raw string) (*token.Claims, error) {
	if len(raw) > maxPresentedSize {
		return nil, nil
	}
	key := symbolon.HashOf(raw)
	if claims, ok := i.cache.get(key); ok {
		return claims, nil
	}
	if !plausible(raw) {
		return nil, nil
	}
	return i.miss(ctx, key, raw)
}

func (i *Introspector) miss(ctx context.Context, key symbolon.Hash, raw string) (*token.Claims, error) {
	return share(ctx, &i.asking, string(key[:]), callTimeout, func(ctx context.Context) (*token.Claims, error) {
		return i.learn(ctx, key, raw)
	})
}

// plausible spares the issuer what cannot be a token, or has one of its prefixes and a wrong checksum.
func plausible(raw string) bool {
	_, ok := token.CheckOpaque(raw)
	return ok || (raw != "" && !strings.HasPrefix(raw, token.PrefixAccess))
}

// learn asks until no signal has overtaken the answer.
func (i *Introspector) learn(ctx context.Context, key symbolon.Hash, raw string) (*token.Claims, error) {
	for range maxOvertaken {
		before := i.cache.clock()
		seen := i.cache.count()
		claims, err := i.Ask(ctx, raw)
		if err != nil {
			return nil, err
		}
		until := before.Add(inactiveAge)
		if claims != nil {
			until = before.Add(i.maxAge)
			if !claims.Expires.IsZero() && claims.Expires.Before(until) {
				until = claims.Expires
			}
		}
		if i.cache.put(key, claims, until, seen) {
			return claims, nil
		}
	}
	return nil, symbolon.Errorf(symbolon.Unavailable, "the token changed again and again while it was checked")
}

// Ask introspects without looking at, or keeping, an answer.
func (i *Introspector) Ask(ctx context.Context, raw string) (*token.Claims, error) {
	known, err := i.issuer.describe(ctx)
	if err != nil {
		return nil, err
	}
	if known.IntrospectionEndpoint == "" {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the issuer has no introspection endpoint")
	}
	values := url.Values{"token": {raw}, "token_type_hint": {"access_token"}}
	status, body, err := i.issuer.form(ctx, known.IntrospectionEndpoint, i.as, values)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, unexpected("the introspection endpoint", status)
	}
	return readIntrospection(body, i.issuer.id, i.cache.clock())
}

// readIntrospection reads an answer of RFC 7662 §2.2. One that says active of a token that is of
// another issuer or has ended contradicts itself, and is taken as inactive.
func readIntrospection(body []byte, issuer string, now time.Time) (*token.Claims, error) {
	claims := new(token.Claims)
	if err := claims.UnmarshalJSON(body); err != nil {
		return nil, unavailable(err, "the introspection endpoint answered in a form that cannot be read")
	}
	active, ok := claims.Extra["active"].(bool)
	if !ok {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the introspection endpoint did not say whether the token is active")
	}
	delete(claims.Extra, "active")
	delete(claims.Extra, "token_type")
	if len(claims.Extra) == 0 {
		claims.Extra = nil
	}
	other := claims.Issuer != "" && claims.Issuer != issuer
	ended := !claims.Expires.IsZero() && !now.Before(claims.Expires)
	if !active || other || ended {
		return nil, nil
	}
	return claims, nil
}

// Forget drops the answers that a signal concerns: those of the token, authorization, session,
// user or client it is about, or all if it is about none of these. Answers under way are asked for again.
func (i *Introspector) Forget(s Signal) {
	switch s.Type {
	case KeyRotated, StreamVerification:
		return
	}
	i.cache.forget(s.Subject.about())
}

// ForgetAll drops every answer: signals may have been missed.
func (i *Introspector) ForgetAll() { i.cache.forget(nil) }
