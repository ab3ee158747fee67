package login

import (
	"cmp"
	"net/url"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/token"
)

// The parameters of OpenID Connect RP-Initiated Logout 1.0 §2. Of them, logout_hint and ui_locales
// change nothing here: a session has one person, and the pages have one language.
var logoutParameters = []string{"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

const maxLogoutParameter = 8 << 10 // bytes

// farewell is a logout as it was asked for, after validation.
type farewell struct {
	client *symbolon.Client // nil = the person asks
	hint   *token.Claims    // of the id_token_hint; nil = none
	to     string           // where it ends; "" = here
	asked  url.Values       // what to carry through the form
}

// way is where a logout that shows no page leads.
func (bye farewell) way() string { return cmp.Or(bye.to, "/logged-out") }

// proves reports whether the hint was made in this very session, for this person.
func (bye farewell) proves(l *Login, s *symbolon.Session) bool {
	return bye.hint != nil && l.Logouts.Means(bye.client, s, bye.hint.Subject, bye.hint.SessionID)
}

// farewell validates what a client asks of a logout. The address to return to must be one that
// the client registered, byte for byte; the client is named by the hint, by client_id, or by
// both alike.
func (l *Login) farewell(asked url.Values, ev *door.Event) (farewell, error) {
	bye := farewell{asked: url.Values{}}
	for _, name := range logoutParameters {
		values := asked[name]
		if len(values) > 1 || len(values) == 1 && len(values[0]) > maxLogoutParameter {
			return bye, symbolon.Errorf(symbolon.Invalid, "%s is given twice, or is too long", name)
		}
		if len(values) == 1 && values[0] != "" {
			bye.asked[name] = values
		}
	}
	id, err := l.leaving(&bye)
	if err != nil {
		return bye, err
	}
	if id != "" {
		found, ok := l.Client(id)
		if !ok || found.Disabled {
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

// leaving says which client asks. A hint may have expired: it names somebody, and by itself it
// grants nothing.
func (l *Login) leaving(bye *farewell) (symbolon.ClientID, error) {
	named := symbolon.ClientID(bye.asked.Get("client_id"))
	hint := bye.asked.Get("id_token_hint")
	if hint == "" {
		return named, nil
	}
	claims, err := l.hinted(hint)
	if err != nil {
		return "", symbolon.Errorf(symbolon.Invalid, "the id_token_hint is not an ID token of this service").Because(err)
	}
	hinted := symbolon.ClientID(claims.Audience[0])
	if named != "" && named != hinted {
		return "", symbolon.Errorf(symbolon.Invalid, "the id_token_hint was made for another application")
	}
	bye.hint = claims
	return hinted, nil
}

// hinted opens an ID token of ours, whether it has expired or not (RP-Initiated Logout 1.0 §4).
func (l *Login) hinted(hint string) (*token.Claims, error) {
	verifier := token.Verifier{Keys: l.Keys, Types: []string{token.TypeIDToken}, Issuer: l.Issuer}
	payload, err := verifier.Payload(hint)
	if err != nil {
		return nil, err
	}
	claims := new(token.Claims)
	if err := claims.UnmarshalJSON(payload); err != nil {
		return nil, err
	}
	if claims.Issuer != l.Issuer || len(claims.Audience) != 1 || claims.Subject == "" {
		return nil, symbolon.Errorf(symbolon.Invalid, "another issuer's, for more than one, or about nobody")
	}
	return claims, nil
}
