package login

import (
	"net/http"
	"slices"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

var passwordAlone = []authn.Factor{{Method: authn.MethodPassword}}

// ask shows the page that fits who is here and what is missing.
func (l *Login) ask(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	v, err := l.open(r, ev, r.URL.Query().Get("step"))
	if err != nil {
		return err
	}
	if v.session != nil && (v.sealed == "" || v.done()) {
		page.Leave(w, r, v.ReturnTo)
		return nil
	}
	if v.lacksStrength() && !v.passwordHelps() {
		return l.askForMissing(w, r, ev, v)
	}
	page.Show(w, http.StatusOK, l.loginPage(v))
	return nil
}

func (l *Login) loginPage(v visit) page.Login {
	shown := page.Login{
		Client: l.client(v), Step: v.sealed, Username: v.LoginHint,
		Password: v.passwordHelps(),
	}
	shown.Create = slices.Contains(v.Prompt, "create")
	if v.session != nil && !shown.Create && !slices.Contains(v.Prompt, "select_account") {
		shown.Fresh, shown.Person, shown.Username = true, name(v.user), v.user.Login
	}
	return shown
}

// askForMissing asks somebody who is signed in for the one factor that is missing, or says what
// would help if they do not have it.
func (l *Login) askForMissing(w http.ResponseWriter, r *http.Request, ev *door.Event, v visit) error {
	keys, err := l.Authn.Passkeys.List(r.Context(), v.session.User)
	if err != nil {
		return err
	}
	ev.Decision = "challenge"
	tried := v.session.ACR.Meets(symbolon.ACRPhishing) && !v.session.AuthTime.Before(v.At)
	if len(keys) > 0 && !tried {
		page.Show(w, http.StatusOK, page.Strengthen{Client: l.client(v), Step: v.sealed, Person: name(v.user)})
		return nil
	}
	page.Show(w, http.StatusForbidden, page.Missing{
		Client: l.client(v), Person: name(v.user), Hardware: tried, RequestID: ev.RequestID,
	})
	return nil
}

// done reports whether a login was made for this step and is strong enough. One made before the
// step never is: whoever sealed it knew that one and wants another.
func (v visit) done() bool {
	return !v.session.AuthTime.Before(v.At) && v.session.ACR.Meets(v.ACR)
}

// lacksStrength reports whether the person is known and only the strength is missing.
func (v visit) lacksStrength() bool { return v.session != nil && !v.session.ACR.Meets(v.ACR) }

// passwordHelps reports whether a password given now could meet what the step asks.
func (v visit) passwordHelps() bool {
	acr, _ := authn.Strength(passwordAlone)
	if v.session != nil {
		acr, _ = authn.After(v.session.ACR, v.session.AMR, passwordAlone)
	}
	return acr.Meets(v.ACR)
}
