package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
)

// authorization is one request on its way down the table.
type authorization struct {
	*endpoints
	w  http.ResponseWriter
	r  *http.Request
	ev *door.Event

	params    params
	malformed error // found while reading; told once it is known to whom
	catalog   *catalog.Snapshot
	client    *symbolon.Client
	redirect  string // certain once set: errors may go there
	challenge string
	ask       grant.Ask
	prompt    []string
	maxAge    *int64
	acr       symbolon.ACR // the weakest class that acr_values takes
	proof     proof        // that the browser was sent away and came back
	session   *symbolon.Session
	user      *symbolon.User
}

var authorizeTable = []step[*authorization]{
	{"parameters", "RFC 6749 §3.1", (*authorization).read},
	{"client", "RFC 6749 §4.1.2.1", (*authorization).findClient},
	{"redirect URI", "RFC 9700 §2.1, RFC 8252 §7.3", (*authorization).findRedirect},
	// from here on, errors go to the client
	{"well-formed", "RFC 6749 §3.1", (*authorization).wellFormed},
	{"code grant", "RFC 6749 §4.1.2.1", (*authorization).mayUseCodes},
	{"response type", "RFC 6749 §3.1.1", (*authorization).responseType},
	{"response mode", "OAuth 2.0 Multiple Response Types §2.1", (*authorization).responseMode},
	{"request objects", "OIDC Core §6", (*authorization).noRequestObject},
	{"PKCE", "RFC 7636 §4.4.1, RFC 9700 §2.1.1", (*authorization).pkce},
	{"scope and resource", "RFC 6749 §3.3, RFC 8707 §2", (*authorization).resolve},
	{"prompt", "OIDC Core §3.1.2.1", (*authorization).readPrompt},
	{"max_age", "OIDC Core §3.1.2.1", (*authorization).readMaxAge},
	{"acr_values", "OIDC Core §3.1.2.1, RFC 9470 §5", (*authorization).readACR},
	{"denial", "RFC 6749 §4.1.2.1", (*authorization).denied},
	{"session", "OIDC Core §3.1.2.3", (*authorization).findSession},
	{"fresh login", "OIDC Core §3.1.2.3", (*authorization).freshLogin},
	{"strength of login", "RFC 9470 §5, OIDC Unmet Authentication Requirements §2", (*authorization).strongLogin},
	{"policy", "the policy actions login and authorize", (*authorization).judge},
	{"consent", "OIDC Core §3.1.2.4", (*authorization).consent},
	{"code", "RFC 6749 §4.1.2, RFC 9207 §2", (*authorization).answer},
}

// authorize is the authorization endpoint. An error before the redirect URI is certain is left to
// the crossing, which shows a page; a later one goes to the client.
func (e *endpoints) authorize(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	a := &authorization{endpoints: e, w: w, r: r, ev: ev, catalog: e.Catalog.Current()}
	err := walk(authorizeTable, a)
	if err != nil && a.redirect != "" {
		a.tellClient(err)
	}
	return err
}

// authorizeByPost answers a POST with the GET that it stands for (OIDC Core §3.1.2.1). So a form
// on another site can do no more than a link can, and the session cookie, which browsers do not
// send with cross-site POSTs, is there.
func (e *endpoints) authorizeByPost(w http.ResponseWriter, r *http.Request, _ *door.Event) error {
	if r.URL.RawQuery != "" {
		return invalid("send the parameters in the body or in the URL, not in both")
	}
	p, err := bodyParams(r)
	if err != nil {
		return err
	}
	redirectTo(w, e.Issuer+pathAuthorize+"?"+p.query())
	return nil
}

// tellClient redirects with an error: RFC 6749 §4.1.2.1.
func (a *authorization) tellClient(err error) {
	known := door.Known(err)
	redirectTo(a.w, withQuery(a.redirect,
		pair{"error", codeOf(known)}, pair{"error_description", printable(known.Message) + " (" + a.ev.RequestID + ")"},
		pair{"state", a.state()}, pair{"iss", a.Issuer}))
}

// state is what the client wants back, unless it cannot be told which.
func (a *authorization) state() string {
	if slices.Contains(a.params.broken, "state") {
		return ""
	}
	return a.params.Get("state")
}

// answer hands the code to the client.
func (a *authorization) answer() error {
	raw, err := a.Grants.IssueCode(a.r.Context(), grant.Consented{
		Client: a.client.ID, RedirectURI: a.redirect, Named: a.params.Get("redirect_uri") != "",
		Challenge: a.challenge, Nonce: a.params.Get("nonce"),
		Scopes: a.ask.Scopes, Resources: a.ask.IDs(), Session: a.session,
	})
	if err != nil {
		return err
	}
	redirectTo(a.w, withQuery(a.redirect, pair{"code", raw.Reveal()}, pair{"state", a.state()}, pair{"iss", a.Issuer}))
	return errAnswered
}

// read keeps what is wrong for later: the client and its redirect URI may still be certain.
func (a *authorization) read() error {
	if len(a.r.URL.RawQuery) > maxQuery {
		return invalid("the request is too long")
	}
	a.params, a.malformed = parseParams(a.r.URL.RawQuery)
	if a.malformed != nil && (slices.Contains(a.params.broken, "client_id") || slices.Contains(a.params.broken, "redirect_uri")) {
		return a.malformed
	}
	a.proof = a.openProof()
	return nil
}

func (a *authorization) findClient() error {
	id := a.params.Get("client_id")
	if id == "" {
		return errors.Join(a.malformed, invalid("the parameter client_id is missing"))
	}
	found, ok := a.catalog.Client(symbolon.ClientID(id))
	if !ok || found.Disabled {
		return symbolon.Refuse(symbolon.Invalid, "invalid_client", "no such application may ask here")
	}
	a.client, a.ev.Client = found, string(found.ID)
	return nil
}

func (a *authorization) findRedirect() error {
	registered := a.catalog.RedirectURIs(a.client)
	asked := a.params.Get("redirect_uri")
	if asked == "" {
		if len(registered) != 1 || slices.Contains(a.params.words("scope"), grant.ScopeOpenID) {
			return invalid("the parameter redirect_uri is missing")
		}
		a.redirect = registered[0]
		return nil
	}
	if !slices.ContainsFunc(registered, func(r string) bool { return matchRedirect(r, asked) }) {
		return invalid("the redirect_uri is not registered for this application; it must match byte for byte")
	}
	a.redirect = asked
	return nil
}

// sendTo redirects the browser to another of our doors, with a sealed step that leads back here.
func (a *authorization) sendTo(path string, s stepTo) error {
	if s.Resource == "" {
		s.Resource = a.fronted()
	}
	now := a.Clock()
	evidence := proof{At: a.proof.At, ACR: strongest(a.proof.ACR, s.ACR)}
	if evidence.At.IsZero() {
		evidence.At = now
	}
	sealed, err := a.Sessions.SealStep(a.sessionStep(s, now, evidence))
	if err != nil {
		return err
	}
	redirectTo(a.w, a.Issuer+path+"?step="+url.QueryEscape(sealed))
	return errAnswered
}

// age is how long ago the person logged in.
func (a *authorization) age() time.Duration { return a.Clock().Sub(a.session.AuthTime) }

// fronted is the application that a broker asks for: the pages name it, not the broker.
func (a *authorization) fronted() symbolon.ResourceID {
	if a.client.Broker {
		for _, r := range a.ask.Resources {
			if r.Upstream != nil {
				return r.ID
			}
		}
	}
	return ""
}
