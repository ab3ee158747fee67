package verify

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Options of a [Verifier]. Issuer and Audience are needed; zero values of the rest are the defaults.
type Options struct {
	Issuer     string   // the issuer's identifier, a URL
	Audience   string   // this resource's identifier: what tokens must be for
	Presenters []string // client_ids whose tokens are taken, e.g. the broker's alone; default all

	// ClientID and ClientSecret let opaque tokens be introspected. Without them only JWTs pass.
	ClientID     string
	ClientSecret symbolon.Secret

	// Receiver makes revocations count at once, for JWTs too. It must not run yet, and needs
	// ClientID and ClientSecret: what was issued before it listened has to be asked about.
	// While it is not fresh, every token is refused as Unavailable.
	Receiver *Receiver

	// Tokens that are bound to a key need a DPoP proof, made for the address at which callers reach
	// this service: Origin, a scheme and a host, and the path of the request. Default the origin of
	// Audience. What the request itself says of its host is not believed.
	Origin string

	Bound    bool            // refuse tokens that are not bound to their presenter
	NonceKey symbolon.Secret // makes proofs need a nonce of this service (RFC 9449 §9); the same at all its replicas

	// Once is nil for a proof that was not used before: a memory that replicas share. Default one
	// in this process, which forgets nothing too soon but knows nothing of other replicas.
	Once func(ctx context.Context, p *token.Proof) error

	// Certificate gives the thumbprint (RFC 8705 §3.1) of the client certificate that a request was
	// sent with, "" for none; default that of its TLS connection.
	Certificate func(*http.Request) string

	Algorithms []string      // of JWTs, default all that [token.Algorithms] lists
	MaxAge     time.Duration // of an introspection, default 1 minute
	Leeway     time.Duration // how far the issuer's clock may be off, default 30 s; an end is never stretched
	HTTP       *http.Client  // its Transport is used; default [http.DefaultTransport]
	Clock      symbolon.Clock
}

const defaultLeeway = 30 * time.Second

// Verifier decides whether tokens are good here. It is safe for concurrent use.
type Verifier struct {
	opts     Options
	jwt      token.Verifier // Keys is set for each call
	keys     *keys
	asks     *Introspector // nil = opaque tokens are refused
	marks    *marks        // nil = no feed
	receiver *Receiver
	holders  holders
}

// New makes a verifier. It does no I/O; the error is of kind Invalid.
func New(o Options) (*Verifier, error) {
	if o.Audience == "" {
		return nil, symbolon.Errorf(symbolon.Invalid, "a verifier needs the audience that tokens must be for")
	}
	if o.Clock == nil {
		o.Clock = symbolon.Now
	}
	if o.Leeway == 0 {
		o.Leeway = defaultLeeway
	}
	at, err := newIssuer(o.Issuer, oauthNames, o.HTTP, o.Clock)
	if err != nil {
		return nil, err
	}
	v := &Verifier{opts: o, keys: &keys{issuer: at, pause: keysPause}, receiver: o.Receiver, jwt: token.Verifier{
		Algorithms: o.Algorithms, Issuer: o.Issuer, Audience: o.Audience, Leeway: o.Leeway, Clock: o.Clock}}
	if v.holders, err = newHolders(&o); err != nil {
		return nil, err
	}
	if o.ClientID != "" {
		client := Client{Issuer: o.Issuer, ID: o.ClientID, Secret: o.ClientSecret, HTTP: o.HTTP, Clock: o.Clock}
		if v.asks, err = NewIntrospector(IntrospectorOptions{Client: client, MaxAge: o.MaxAge}); err != nil {
			return nil, err
		}
	}
	return v, v.follow()
}

// follow hangs the verifier on the feed.
func (v *Verifier) follow() error {
	if v.receiver == nil {
		return nil
	}
	if v.asks == nil {
		return symbolon.Errorf(symbolon.Invalid, "a verifier with a receiver needs a client id and a secret")
	}
	v.marks = newMarks(v.opts.Clock, v.opts.Leeway)
	return v.receiver.Listen(v.hear, v.gap)
}

func (v *Verifier) hear(s Signal) {
	if s.Type == KeyRotated {
		v.keys.expire()
	}
	v.marks.hear(s)
	v.asks.Forget(s)
}

func (v *Verifier) gap() {
	v.keys.expire()
	v.marks.gap()
	v.asks.ForgetAll()
}

// Verify decides on a token as it was presented, without the scheme. It refuses tokens that are
// bound to a key, for it cannot see a proof: [Verifier.VerifyRequest] can. Errors are of kind
// Unauthenticated with code invalid_token, or Unavailable if nobody could say. The claims must
// not be changed.
func (v *Verifier) Verify(ctx context.Context, raw string) (*token.Claims, error) {
	claims, err := v.decide(ctx, raw)
	if err == nil && claims.Confirmation != nil {
		return nil, refuse("the token is bound to a key, of which there is no proof")
	}
	return claims, err
}

func refuse(message string) *symbolon.Error {
	return symbolon.Refuse(symbolon.Unauthenticated, "invalid_token", "%s", message)
}

func (v *Verifier) decide(ctx context.Context, raw string) (*token.Claims, error) {
	if v.receiver != nil && !v.receiver.Fresh(v.opts.Clock()) {
		return nil, symbolon.Errorf(symbolon.Unavailable, "the feed of revocations is silent, so no token can be believed")
	}
	var claims *token.Claims
	var err error
	if strings.Count(raw, ".") == 2 {
		claims, err = v.decideJWT(ctx, raw)
	} else {
		claims, err = v.introspect(ctx, raw)
	}
	if err != nil {
		return nil, err
	}
	if len(v.opts.Presenters) > 0 && !slices.Contains(v.opts.Presenters, claims.ClientID) {
		return nil, refuse("the token was issued to a client that may not present tokens here")
	}
	return claims, nil
}

func (v *Verifier) decideJWT(ctx context.Context, raw string) (*token.Claims, error) {
	jwt := v.jwt
	jwt.Keys = bound{ctx, v.keys}
	claims, err := jwt.Verify(raw)
	if symbolon.IsKind(err, symbolon.NotFound) {
		return nil, refuse("the token is signed with a key that the issuer does not publish").Because(err)
	}
	if err != nil || v.marks == nil {
		return claims, err
	}
	switch v.marks.judge(claims) {
	case dead:
		return nil, refuse("the token has been revoked")
	case doubt:
		return v.renewed(ctx, raw, claims)
	}
	return claims, nil
}

// renewed is what the issuer says now of a JWT, bound to what it is bound to.
func (v *Verifier) renewed(ctx context.Context, raw string, signed *token.Claims) (*token.Claims, error) {
	said, err := v.introspect(ctx, raw)
	if err != nil {
		return nil, err
	}
	claims := *said
	claims.Confirmation = signed.Confirmation
	return &claims, nil
}

// introspect asks the issuer and judges what it says as strictly as a JWT.
func (v *Verifier) introspect(ctx context.Context, raw string) (*token.Claims, error) {
	if v.asks == nil {
		return nil, refuse("the token is not a JWT, and this service has no credential to ask about others")
	}
	claims, err := v.asks.Introspect(ctx, raw)
	now := v.opts.Clock()
	switch {
	case err != nil:
		return nil, err
	case claims == nil:
		return nil, refuse("the token is not active")
	case claims.Issuer != "" && claims.Issuer != v.opts.Issuer:
		return nil, refuse("the token is of another issuer")
	case !slices.Contains(claims.Audience, v.opts.Audience):
		return nil, refuse("the token is for another audience")
	case claims.Expires.IsZero() || !now.Before(claims.Expires):
		return nil, refuse("the token has expired")
	case now.Add(v.opts.Leeway).Before(claims.NotBefore):
		return nil, refuse("the token is not valid yet")
	}
	return claims, nil
}
