package login

import (
	"net/http"
	"net/url"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
	"symbolon.dev/token"
)

// The parameters of OpenID Connect RP-Initiated Logout 1.0 §2 that matter here.
var logoutParameters = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"}

const maxLogoutParameter = 8 << 10 // bytes

// farewell is a logout as it was asked for, after validation.
type farewell struct {
	client *symbolon.Client // nil = the person asks
	to     string           // where it ends
	asked  url.Values       // what to carry through the form
}

// askLogout never ends a session by itself: a link or an image of another site could be behind it.
func (l *Login) askLogout(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	bye, err := l.farewell(r.URL.Query(), ev)
	if err != nil {
		return err
	}
	v, err := l.open(r, ev, "")
	if err != nil {
		return err
	}
	if v.session == nil {
		page.Leave(w, r, bye.to)
		return nil
	}
	shown := page.Logout{Person: name(v.user), Hidden: map[string]string{}}
	if bye.client != nil {
		v.Client = bye.client.ID
		shown.Client = l.client(v)
	}
	for name, values := range bye.asked {
		shown.Hidden[name] = values[0]
	}
	page.Show(w, http.StatusOK, shown)
	return nil
}

// logout ends the session if our own page was confirmed. Any other POST is a client's way to ask
// (RP-Initiated Logout 1.0 §2 wants both methods); it has no cookie, so the browser comes again
// with a GET that has.
func (l *Login) logout(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	if err := page.ParseForm(r); err != nil {
		return err
	}
	bye, err := l.farewell(r.PostForm, ev)
	if err != nil {
		return err
	}
	if r.PostForm.Get("confirm") != "yes" || l.forms.Sent(r) != nil {
		http.Redirect(w, r, "/logout?"+bye.asked.Encode(), http.StatusSeeOther)
		return nil
	}
	v, err := l.open(r, ev, "")
	if err != nil {
		return err
	}
	if v.session != nil {
		if err := l.Sessions.End(r.Context(), v.session.ID, string(v.session.User), "signed out", ev.RequestID); err != nil {
			return err
		}
	}
	l.Sessions.ClearCookie(w)
	page.Leave(w, r, bye.to)
	return nil
}

// farewell validates what a client asks of a logout. The address to return to must be one that
// the client registered, byte for byte; the client is named by the hint, by client_id, or by
// both alike.
func (l *Login) farewell(asked url.Values, ev *door.Event) (farewell, error) {
	bye := farewell{to: "/logged-out", asked: url.Values{}}
	for _, name := range logoutParameters {
		values := asked[name]
		if len(values) > 1 || len(values) == 1 && len(values[0]) > maxLogoutParameter {
			return bye, symbolon.Errorf(symbolon.Invalid, "%s is given twice, or is too long", name)
		}
		if len(values) == 1 && values[0] != "" {
			bye.asked[name] = values
		}
	}
	id, err := l.leaving(bye.asked)
	if err != nil {
		return bye, err
	}
	if id != "" {
		found, ok := l.Client(id)
		if !ok {
			return bye, symbolon.Errorf(symbolon.Invalid, "no such application is registered")
		}
		bye.client, ev.Client = found, string(found.ID)
	}
	return bye.returning()
}

func (bye farewell) returning() (farewell, error) {
	to := bye.asked.Get("post_logout_redirect_uri")
	if to == "" {
		return bye, nil
	}
	if bye.client == nil || !slices.Contains(bye.client.PostLogoutRedirectURIs, to) {
		return bye, symbolon.Errorf(symbolon.Invalid, "the application has not registered the address that it wants to return to")
	}
	bye.to = to
	if state := bye.asked.Get("state"); state != "" {
		bye.to = withParameter(to, "state", state)
	}
	return bye, nil
}

// leaving says which client asks. A hint may have expired: it names somebody, it grants nothing.
func (l *Login) leaving(asked url.Values) (symbolon.ClientID, error) {
	named := symbolon.ClientID(asked.Get("client_id"))
	hint := asked.Get("id_token_hint")
	if hint == "" {
		return named, nil
	}
	hinted, err := l.hintedClient(hint)
	if err != nil {
		return "", symbolon.Errorf(symbolon.Invalid, "the id_token_hint is not an ID token of this service").Because(err)
	}
	if named != "" && named != hinted {
		return "", symbolon.Errorf(symbolon.Invalid, "the id_token_hint was made for another application")
	}
	return hinted, nil
}

func (l *Login) hintedClient(hint string) (symbolon.ClientID, error) {
	verifier := token.Verifier{Keys: l.Keys, Types: []string{token.TypeIDToken}, Issuer: l.Issuer}
	payload, err := verifier.Payload(hint)
	if err != nil {
		return "", err
	}
	var claims token.Claims
	if err := claims.UnmarshalJSON(payload); err != nil {
		return "", err
	}
	if claims.Issuer != l.Issuer || len(claims.Audience) != 1 {
		return "", symbolon.Errorf(symbolon.Invalid, "another issuer's, or for more than one")
	}
	return symbolon.ClientID(claims.Audience[0]), nil
}

func loggedOut(w http.ResponseWriter, _ *http.Request, _ *door.Event) error {
	page.Show(w, http.StatusOK, page.LoggedOut{})
	return nil
}
