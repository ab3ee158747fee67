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
	"symbolon.dev/internal/profile"
)

// authorization is one request on its way down the table.
type authorization struct {
	*endpoints
	w  http.ResponseWriter
	r  *http.Request
	ev *door.Event

	sent      params        // as they came
	params    params        // that count: those sent, or those of the request object or the pushed request
	malformed error         // found while reading; told once it is known to whom
	pushed    *grant.Pushed // nil = the request came by itself
	pushing   bool          // it is being pushed: there is no person yet
	signed    bool          // it came in a request object
	catalog   *catalog.Snapshot
	client    *symbolon.Client
	rules     profile.Rules
	redirect  string // certain once set: errors may go there
	mode      responseMode
	challenge string
	ask       grant.Ask
	details   []symbolon.Detail
	claims    claimsRequest
	hint      string // sub of the id_token_hint
	prompt    []string
	maxAge    *int64
	acr       symbolon.ACR // the weakest class that acr_values takes
	proof     proof        // that the browser was sent away and came back
	session   *symbolon.Session
	user      *symbolon.User
}

// arrivalTable finds out who asks, and where what they ask stands.
var arrivalTable = []step[*authorization]{
	{"parameters", "RFC 6749 §3.1", (*authorization).read},
	{"client", "RFC 6749 §4.1.2.1", (*authorization).findClient},
	{"pushed request", "RFC 9126 §4", (*authorization).findPushed},
}

// requestTable judges what is asked, of a request that comes with its person and of one that is
// pushed alike.
var requestTable = []step[*authorization]{
	{"request object", "RFC 9101 §6", (*authorization).openObject},
	{"redirect URI", "RFC 9700 §2.1, RFC 8252 §7.3", (*authorization).findRedirect},
	// from here on, errors go to the client
	{"response mode", "OAuth 2.0 Multiple Response Types §2.1, Form Post §2, JARM §2.3", (*authorization).responseMode},
	{"well-formed", "RFC 6749 §3.1", (*authorization).wellFormed},
	{"form of the request", "RFC 9126 §5, RFC 9101 §10.5", (*authorization).asProfiled},
	{"code grant", "RFC 6749 §4.1.2.1", (*authorization).mayUseCodes},
	{"response type", "RFC 6749 §3.1.1", (*authorization).responseType},
	{"PKCE", "RFC 7636 §4.4.1, RFC 9700 §2.1.1", (*authorization).pkce},
	{"DPoP key", "RFC 9449 §10", (*authorization).readKey},
	{"authorization details", "RFC 9396 §5", (*authorization).readDetails},
	{"scope and resource", "RFC 6749 §3.3, RFC 8707 §2", (*authorization).resolve},
	{"prompt", "OIDC Core §3.1.2.1", (*authorization).readPrompt},
	{"max_age", "OIDC Core §3.1.2.1", (*authorization).readMaxAge},
	{"acr_values", "OIDC Core §3.1.2.1, RFC 9470 §5", (*authorization).readACR},
	{"claims", "OIDC Core §5.5", (*authorization).readClaims},
	{"id_token_hint", "OIDC Core §3.1.2.1", (*authorization).readHint},
}

// personTable asks the person.
var personTable = []step[*authorization]{
	{"denial", "RFC 6749 §4.1.2.1", (*authorization).denied},
	{"session", "OIDC Core §3.1.2.3", (*authorization).findSession},
	{"fresh login", "OIDC Core §3.1.2.3", (*authorization).freshLogin},
	{"expected person", "OIDC Core §3.1.2.1, §5.5.1", (*authorization).expected},
	{"strength of login", "RFC 9470 §5, OIDC Unmet Authentication Requirements §2", (*authorization).strongLogin},
	{"policy", "the policy actions login and authorize", (*authorization).judge},
	{"consent", "OIDC Core §3.1.2.4, RFC 9396 §4", (*authorization).consent},
	{"code", "RFC 6749 §4.1.2, RFC 9207 §2", (*authorization).answer},
}

var authorizeTable = slices.Concat(arrivalTable, requestTable, personTable)

// authorize is the authorization endpoint. An error before the redirect URI is certain is left to
// the crossing, which shows a page; a later one goes to the client.
func (e *endpoints) authorize(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	a := &authorization{endpoints: e, w: w, r: r, ev: ev, catalog: e.Catalog.Current()}
	err := walk(authorizeTable, a)
	if err != nil && a.redirect != "" {
		if failed := a.tellClient(err); failed != nil {
			return errors.Join(failed, err)
		}
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

// tellClient answers with an error: RFC 6749 §4.1.2.1.
func (a *authorization) tellClient(err error) error {
	known := door.Known(err)
	return a.deliver(pair{"error", codeOf(known)}, pair{"error_description", printable(known.Message) + " (" + a.ev.RequestID + ")"})
}

// state is what the client wants back, unless it cannot be told which.
func (a *authorization) state() string {
	if slices.Contains(a.params.broken, "state") {
		return ""
	}
	return a.params.Get("state")
}

// answer hands the code to the client. What was pushed is used up by it.
func (a *authorization) answer() error {
	given := grant.Consented{
		Client: a.client.ID, RedirectURI: a.redirect, Named: a.params.Get("redirect_uri") != "",
		Challenge: a.challenge, Nonce: a.params.Get("nonce"), DPoPJKT: a.params.Get("dpop_jkt"),
		Scopes: a.ask.Scopes, Resources: a.ask.IDs(), Details: a.details, Session: a.session,
		IDToken: a.claims.idToken, Userinfo: a.claims.userinfo,
	}
	if a.pushed != nil {
		given.Pushed = &a.pushed.Ticket
	}
	raw, err := a.Grants.IssueCode(a.r.Context(), given)
	if err != nil {
		return err
	}
	if err := a.deliver(pair{"code", raw.Reveal()}); err != nil {
		return err
	}
	return errAnswered
}

// read keeps what is wrong for later: the client and its redirect URI may still be certain.
func (a *authorization) read() error {
	if len(a.r.URL.RawQuery) > maxQuery {
		return invalid("the request is too long")
	}
	a.sent, a.malformed = parseParams(a.r.URL.RawQuery)
	for _, name := range [...]string{"client_id", "redirect_uri", "request", "request_uri", "response_mode"} {
		if slices.Contains(a.sent.broken, name) {
			return a.malformed
		}
	}
	a.params, a.proof = a.sent, a.openProof()
	return nil
}

func (a *authorization) findClient() error {
	id := a.sent.Get("client_id")
	if id == "" {
		return errors.Join(a.malformed, invalid("the parameter client_id is missing"))
	}
	found, err := a.Clients.Find(a.r.Context(), symbolon.ClientID(id))
	if err != nil || found.Disabled {
		return symbolon.Refuse(symbolon.Invalid, "invalid_client", "no such application may ask here").Because(err)
	}
	a.as(found)
	return nil
}

// as says whose request it is.
func (a *authorization) as(c *symbolon.Client) {
	a.client, a.rules, a.ev.Client = c, profile.Of(c), string(c.ID)
}

func (a *authorization) findRedirect() error {
	registered := a.catalog.RedirectURIs(a.client)
	asked := a.params.Get("redirect_uri")
	if asked == "" {
		if len(registered) != 1 || a.rules.NamedRedirect || slices.Contains(a.params.words("scope"), grant.ScopeOpenID) {
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
	bare, err := a.wayBack()
	if err != nil {
		return err
	}
	sealed, err := a.Sessions.SealStep(a.sessionStep(s, bare, now, evidence))
	if err != nil {
		return err
	}
	redirectTo(a.w, a.Issuer+path+"?step="+url.QueryEscape(sealed))
	return errAnswered
}

// wayBack is the query that brings this very request back: as it was sent, or, of one in a request
// object, which could expire meanwhile, a reference to it. A request that nobody signed is never kept
// for a stranger; it has to travel.
func (a *authorization) wayBack() (string, error) {
	if a.pushed != nil || !a.signed {
		return a.sent.query(ownParams...), nil
	}
	uri, err := a.Grants.Push(a.r.Context(), grant.Pushed{
		Client: a.client.ID, Parameters: a.params.list(), Signed: a.signed, Parked: true,
	})
	short := params{pairs: []pair{{"client_id", string(a.client.ID)}, {"request_uri", uri}}}
	return short.query(), err
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
