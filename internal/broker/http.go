package broker

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/policy"
	"symbolon.dev/token"
)

// ownPaths are the broker's on every host.
const ownPaths = "/.symbolon/"

// Handler serves every host that is not the issuer's.
func (b *Broker) Handler() http.Handler {
	assets := page.Assets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, page.AssetsPath) {
			assets.ServeHTTP(w, r)
			return
		}
		var aborted any
		b.Door.Serve("broker", cross, func(w http.ResponseWriter, r *http.Request, ev *door.Event) (err error) {
			defer func() {
				// The proxy aborts a response that it cannot finish; the door logs it all the same.
				aborted = recover()
				if cause, _ := aborted.(error); aborted != nil && !errors.Is(cause, http.ErrAbortHandler) {
					panic(aborted)
				}
			}()
			return b.serve(w, r, ev)
		}, w, r)
		if aborted != nil {
			panic(aborted)
		}
	})
}

func (b *Broker) serve(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	path, err := cleanPath(r.RequestURI)
	if err != nil {
		return err
	}
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		return symbolon.Errorf(symbolon.Invalid, "%s is not served here", r.Method)
	}
	if !b.fresh() {
		return unavailable(errStale)
	}
	t := b.table.Load()
	if strings.HasPrefix(path, ownPaths) {
		return b.own(w, r, t, path)
	}
	rawPath, _, _ := strings.Cut(r.RequestURI, "?")
	found := t.find(r.Host, rawPath)
	if found != nil {
		ev.Resource = string(found.resource.ID)
	}
	given, err := b.cookies.credentialOf(r)
	if err != nil {
		return err
	}
	if given.raw.Empty() {
		return b.anonymous(w, r, ev, found)
	}
	return b.admit(w, r, ev, &flight{host: r.Host, method: r.Method, rawPath: rawPath, path: path, credential: given}, t, found)
}

// anonymous sends a person who opens an app to the login. Everybody else is told what they
// would be told if there were nothing here.
func (b *Broker) anonymous(w http.ResponseWriter, r *http.Request, ev *door.Event, found *route) error {
	if found != nil && found.app() && navigation(r) {
		return b.sendToLogin(w, r, found, symbolon.Remedy{})
	}
	b.countRefusal(ev, found, "no credential")
	return nameless()
}

// admit judges a request that presents something, and forwards it if it may.
func (b *Broker) admit(w http.ResponseWriter, r *http.Request, ev *door.Event, f *flight, t *table, found *route) error {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	f.cancel = cancel
	for range 4 {
		e, err := b.trust.find(ctx, f.raw.Reveal())
		if err != nil {
			return unavailable(err)
		}
		outer := e.claims
		if e, err = b.takeOut(ctx, f, e, found); err != nil {
			return unavailable(err)
		}
		if !b.fits(e.claims, found, f.credential, b.Clock()) {
			return b.misfit(w, r, ev, f, found)
		}
		ev.Subject, ev.Session, ev.Client = e.claims.Subject, e.claims.SessionID, e.claims.ClientID
		if f.fromCookie {
			if err := b.sameOrigin(r, found.origin); err != nil {
				b.countRefusal(ev, found, "cross-origin")
				return err
			}
		}
		for _, bound := range []*token.Confirmation{outer.Confirmation, e.claims.Confirmation} {
			if err := b.prove(r, ev, f, bound, found); err != nil {
				return err
			}
		}
		if passed, err := b.permit(w, r, ev, f, e, t, found); !passed {
			return err
		}
		if b.trust.begin(e, f) {
			defer b.land(f, ev)
			if b.table.Load() != t {
				go b.rejudge([]*flight{f}) // the snapshot changed since it was judged
			}
			return b.forward(w, r.WithContext(ctx), f, e, found)
		}
	}
	return unavailable(errors.New("the token was taken away each time it was asked about"))
}

func (b *Broker) land(f *flight, ev *door.Event) {
	if why := f.land(); why != nil {
		ev.Cause = why
	}
	b.trust.finish(f)
}

// misfit answers a token that is good for nothing here. A person whose session is over, or whose
// cookie is of another app on this host, logs in.
func (b *Broker) misfit(w http.ResponseWriter, r *http.Request, ev *door.Event, f *flight, found *route) error {
	if f.fromCookie && found != nil && found.app() && navigation(r) {
		return b.sendToLogin(w, r, found, symbolon.Remedy{})
	}
	b.countRefusal(ev, found, "the token is not good here")
	return unknown()
}

// permit asks the policy. Unless it passed, the answer is written or is the error.
func (b *Broker) permit(w http.ResponseWriter, r *http.Request, ev *door.Event, f *flight, e *entry, t *table, found *route) (passed bool, err error) {
	d := b.judge(t.snapshot, e, found, f.method, f.path, b.Clock())
	ev.Decision, ev.Policies = string(d.Effect), d.Policies
	b.count(e, found, &d, ev.RequestID)
	switch {
	case d.Allowed():
		return true, nil
	case d.Effect == policy.Challenge && len(d.Remedies) > 0 && f.fromCookie && navigation(r):
		return false, b.sendToLogin(w, r, found, d.Remedies[0])
	case d.Effect == policy.Challenge && len(d.Remedies) > 0:
		refused := symbolon.Refuse(symbolon.Unauthenticated, tooWeak, "a stronger or more recent login is needed")
		refused.Remedies, refused.Policies = d.Remedies, d.Policies
		return false, refused
	}
	refused := symbolon.Errorf(symbolon.Denied, "the policy does not allow this")
	refused.Policies = d.Policies
	return false, refused
}
