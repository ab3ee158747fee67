package broker

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/page"
	"symbolon.dev/token"
)

const (
	callbackPath = "/.symbolon/callback"
	logoutPath   = "/.symbolon/logout"
)

// own serves the broker's paths. They are the same on every host, whether there is an app or not.
func (b *Broker) own(w http.ResponseWriter, r *http.Request, t *table, path string) error {
	w.Header().Set("Cache-Control", "no-store")
	switch path {
	case callbackPath:
		return b.callback(w, r, t)
	case logoutPath:
		return b.logout(w, r)
	}
	return nameless()
}

// sendToLogin sends a person's browser to the issuer (RFC 6749 §4.1.1 with RFC 7636, 8707 and
// OpenID Connect), for what asked wants if that is given.
func (b *Broker) sendToLogin(w http.ResponseWriter, r *http.Request, found *route, asked symbolon.Remedy) error {
	known, err := b.issuer.discover(r.Context())
	if err != nil {
		return unavailable(err)
	}
	round := b.roundOf(r, found) + 1
	if round > maxRounds {
		return loops(asked)
	}
	state, now := random(), b.Clock()
	began := login{Return: r.RequestURI, Resource: found.resource.ID, Origin: found.origin, Nonce: random(),
		Verifier: random(), Asked: asked, Round: round, Expires: now.Add(loginTime)}
	name := b.cookies.login(loginKey(state))
	sealed, err := b.sealer.seal(began, name, r.Host)
	if err != nil {
		return err
	}
	b.tidy(w, r)
	b.cookies.set(w, name, sealed, int(loginTime/time.Second))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, known.Authorization+"?"+b.authorizationRequest(&began, state, found).Encode(), http.StatusSeeOther)
	return nil
}

func (b *Broker) authorizationRequest(began *login, state string, found *route) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {b.ClientID}, "redirect_uri": {began.Origin + callbackPath}, "scope": {"openid"},
		"state": {state}, "nonce": {began.Nonce}, "code_challenge": {challengeS256(began.Verifier)}, "code_challenge_method": {"S256"},
		"resource": {found.resource.Identifier},
	}
	if began.Asked.ACR != symbolon.ACRNone {
		q.Set("acr_values", string(began.Asked.ACR))
	}
	if began.Asked.MaxAge > 0 {
		q.Set("max_age", strconv.FormatInt(began.Asked.MaxAge, 10))
	}
	return q
}

func loops(asked symbolon.Remedy) error {
	refused := symbolon.Errorf(symbolon.Denied, "logging in again and again does not give what is asked for here")
	if asked != (symbolon.Remedy{}) {
		refused.Remedies = []symbolon.Remedy{asked}
	}
	return refused
}

// tidy drops the cookies of logins that were never finished, before they fill the request.
func (b *Broker) tidy(w http.ResponseWriter, r *http.Request) {
	open := 0
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, b.cookies.login("")) {
			if open++; open >= maxLogins {
				b.cookies.clear(w, c.Name)
			}
		}
	}
}

func (b *Broker) roundOf(r *http.Request, found *route) int {
	var past rounds
	cookie, err := r.Cookie(b.cookies.rounds())
	if err != nil || b.sealer.open(cookie.Value, b.cookies.rounds(), r.Host, &past) != nil ||
		past.Resource != found.resource.ID || !b.Clock().Before(past.Expires) {
		return 0
	}
	return past.Round
}

// callback finishes a login (RFC 6749 §4.1.2, RFC 9207, OpenID Connect Core 1.0 §3.1.3).
func (b *Broker) callback(w http.ResponseWriter, r *http.Request, t *table) error {
	if r.Method != http.MethodGet {
		return symbolon.Errorf(symbolon.Invalid, "a login ends with a GET")
	}
	q := r.URL.Query()
	began, err := b.began(w, r, q)
	if err != nil {
		return err
	}
	found := t.routes[began.Resource]
	if found == nil || found.origin != began.Origin {
		return symbolon.Errorf(symbolon.Invalid, "this login cannot be finished; open the application again")
	}
	if code := one(q, "error"); code != "" {
		return refusedLogin(code)
	}
	answer, err := b.issuer.token(r.Context(), url.Values{"grant_type": {"authorization_code"}, "code": {one(q, "code")},
		"redirect_uri": {began.Origin + callbackPath}, "code_verifier": {began.Verifier}, "resource": {found.resource.Identifier}})
	if err != nil {
		return unfinished(err)
	}
	person, err := b.issuer.idToken(r.Context(), answer.IDToken, began.Nonce)
	if err != nil {
		return unfinished(err)
	}
	if !meets(person, began, b.Clock()) {
		return loops(began.Asked)
	}
	return b.welcome(w, r, began, answer)
}

// began finds the login that a callback belongs to, and ends it: it serves once.
func (b *Broker) began(w http.ResponseWriter, r *http.Request, q url.Values) (*login, error) {
	gone := symbolon.Errorf(symbolon.Invalid, "this login is over or was begun in another browser; open the application again")
	state := one(q, "state")
	if state == "" {
		return nil, gone
	}
	name := b.cookies.login(loginKey(state))
	cookie, err := r.Cookie(name)
	if err != nil {
		return nil, gone
	}
	b.cookies.clear(w, name)
	began := new(login)
	if err := b.sealer.open(cookie.Value, name, r.Host, began); err != nil {
		return nil, gone.Because(err)
	}
	switch {
	case !b.Clock().Before(began.Expires):
		return nil, gone
	case one(q, "iss") != b.Issuer: // RFC 9207 §2.4
		return nil, symbolon.Errorf(symbolon.Invalid, "the answer to this login is of another issuer")
	}
	return began, nil
}

// one gives a parameter that is there exactly once.
func one(q url.Values, name string) string {
	if values := q[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func refusedLogin(code string) error {
	if code == "access_denied" {
		return symbolon.Errorf(symbolon.Denied, "you may not open this application, or the login was cancelled")
	}
	return symbolon.Errorf(symbolon.Denied, "the login was refused").Because(errors.New("the issuer answered " + quotable(code)))
}

func unfinished(cause error) error {
	if symbolon.IsKind(cause, symbolon.Unavailable) {
		return unavailable(cause)
	}
	return symbolon.Errorf(symbolon.Denied, "this login cannot be finished; open the application again").Because(cause)
}

// meets reports whether a step-up gave what it was for; if it did not, another would not either.
func meets(person *token.Claims, began *login, now time.Time) bool {
	if !symbolon.ACR(person.ACR).Meets(began.Asked.ACR) {
		return false
	}
	return began.Asked.MaxAge == 0 || now.Sub(person.AuthTime) <= time.Duration(began.Asked.MaxAge)*time.Second+loginTime
}

// welcome sets the cookie and leads back to where the person wanted to go, on this host.
func (b *Broker) welcome(w http.ResponseWriter, r *http.Request, began *login, answer *tokenAnswer) error {
	if _, err := cleanPath(began.Return); err != nil {
		return err
	}
	name := b.cookies.rounds()
	sealed, err := b.sealer.seal(rounds{began.Resource, began.Round, b.Clock().Add(roundsTime)}, name, r.Host)
	if err != nil {
		return err
	}
	b.cookies.set(w, name, sealed, int(roundsTime/time.Second))
	b.cookies.set(w, b.cookies.session(), answer.AccessToken, int(min(answer.ExpiresIn, 1<<30)))
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", began.Return)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// logout ends the session at this app, then leads to the issuer, where the person can end it
// everywhere. A GET changes nothing here: any page could cause one.
func (b *Broker) logout(w http.ResponseWriter, r *http.Request) error {
	known, err := b.issuer.discover(r.Context())
	if err != nil {
		return unavailable(err)
	}
	if r.Method == http.MethodPost {
		if err := b.crossOrigin.Check(r); err != nil {
			return symbolon.Errorf(symbolon.Denied, "another site made this request").Because(err)
		}
		if raw, _ := b.cookies.sessionOf(r); raw != "" {
			if err := b.issuer.revoke(r.Context(), symbolon.NewSecret(raw)); err != nil {
				return unavailable(err)
			}
		}
		b.cookies.clear(w, b.cookies.session())
	}
	to := b.Issuer
	if known.EndSession != "" {
		to = known.EndSession + "?" + url.Values{"client_id": {b.ClientID}}.Encode()
	}
	page.Leave(w, r, to)
	return nil
}
