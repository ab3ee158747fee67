// Package login is the browser's way through authentication and consent.
//
// Whoever needs a person to prove something seals a [session.Step] and redirects to
// /login?step=… or /consent?step=…; this door does it and redirects to the step's ReturnTo.
// The step is the only thing that travels: there is no half-finished login in a store.
//
//	GET /login      which of three pages: sign in, confirm with what is missing, nothing helps
//	POST /login     the password path; works without script
//	/login/passkey  begin, finish: JSON for the page's script
//	/enrol          a single-use link becomes a first credential, and a session
//	/consent        allow or deny; a denial returns as consent=denied
//	/device         a code that a device shows, then allow or deny (RFC 8628)
//	/approve        what clients elsewhere ask (OpenID CIBA), each to allow or deny
//	/logout         asks, ends the session, has its clients told, and returns to one if it may
//
// Laws:
//
//   - Every login ends in [Login.signedIn], whatever the method: policy first, then the session,
//     then the way on. A session that exists is raised for the same person and ended for another.
//   - The way on is a sealed path of this issuer or a registered address, never a parameter.
//   - Forms are believed only from this origin (see [page.Forms]).
//   - A refusal says the same whether or not somebody exists.
package login

import (
	"context"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/logout"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/policy"
	"symbolon.dev/internal/session"
	"symbolon.dev/token"
)

// Store is what this door reads and writes itself: consents.
type Store interface {
	Commit(ctx context.Context, changes ...symbolon.Change) error
	Consents(ctx context.Context, user symbolon.UserID) ([]symbolon.Consent, error)
}

// Config of [New]. All of it must be given.
type Config struct {
	Issuer    string // e.g. "https://id.example.com"
	Door      *door.Door
	Authn     *authn.Authn
	Sessions  *session.Sessions
	Directory *directory.Directory
	Store     Store
	Client    func(symbolon.ClientID) (*symbolon.Client, bool)
	Resource  func(symbolon.ResourceID) (*symbolon.Resource, bool)
	Keys      token.KeySource // of the ID tokens that come back as id_token_hint
	Grants    *grant.Grants   // that wait for a person at /device and /approve
	Logouts   *logout.Herald  // tells clients that a session is over
	Clock     symbolon.Clock

	// Decide judges action "login": this person, with this strength, into this client. The
	// client is "" for the account page, which no client stands behind.
	Decide func(user *symbolon.User, client symbolon.ClientID, acr symbolon.ACR, amr []string) policy.Decision
}

// Login is the door.
type Login struct {
	Config
	forms *page.Forms
}

// New makes the door's handler. It serves /login, /login/passkey/…, /enrol, /enrol/passkey/…,
// /consent, /device…, /approve, /logout and /logged-out. Invalid if Issuer is not an origin.
func New(c Config) (http.Handler, error) {
	forms, err := page.NewForms(c.Issuer)
	if err != nil {
		return nil, err
	}
	l := &Login{Config: c, forms: forms}
	mux := http.NewServeMux()
	pages := func(pattern, route string, h door.Handler) {
		mux.Handle(pattern, c.Door.Handle(route, page.Crossing, h))
	}
	answers := func(pattern, route string, h door.Handler) {
		mux.Handle(pattern, c.Door.Handle(route, door.AsProblem, h))
	}
	pages("GET /login", "login", l.ask)
	pages("POST /login", "login.password", forms.Own(l.password))
	answers("POST /login/passkey/begin", "login.passkey.begin", forms.Own(l.beginPasskey))
	answers("POST /login/passkey/finish", "login.passkey.finish", forms.Own(l.finishPasskey))
	pages("GET /enrol", "enrol", l.enrol)
	pages("POST /enrol", "enrol.password", forms.Own(l.enrolPassword))
	answers("POST /enrol/passkey/begin", "enrol.passkey.begin", forms.Own(l.beginEnrolPasskey))
	answers("POST /enrol/passkey/finish", "enrol.passkey.finish", forms.Own(l.finishEnrolPasskey))
	pages("GET /consent", "consent", l.askConsent)
	pages("POST /consent", "consent.answer", forms.Own(l.answerConsent))
	pages("GET "+devicePath, "device", l.askCode)
	pages("POST "+devicePath, "device.code", forms.Own(l.enterCode))
	pages("GET "+confirmPath, "device.confirm", l.askDevice)
	pages("POST "+confirmPath, "device.answer", forms.Own(l.answerDevice))
	pages("GET "+devicePath+"/qr", "device.qr", l.showCode)
	pages("GET "+approvePath, "approve", l.askApproval)
	pages("POST "+approvePath, "approve.answer", forms.Own(l.answerApproval))
	pages("GET /logout", "logout", l.askLogout)
	pages("POST /logout", "logout.confirm", l.logout)
	pages("GET /logged-out", "logged-out", loggedOut)
	pages("/", "login.unknown", unknown)
	return mux, nil
}

func unknown(http.ResponseWriter, *http.Request, *door.Event) error {
	return symbolon.Errorf(symbolon.NotFound, "no page has this address")
}
