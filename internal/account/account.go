// Package account is a person's own page: who they are here, how they sign in, and where they
// are signed in.
//
// Laws:
//
//   - Everything is about the person of the session. An id in a form that is not theirs does not
//     exist.
//   - How one signs in is changed only in a session that is strong and fresh enough
//     (authn.Manage); otherwise the person is sent through /login first, and comes back.
//   - The last way in cannot be removed.
//   - Every form is a POST that ends in a 303, so that loading a page again repeats nothing.
package account

import (
	"cmp"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/session"
)

const path = "/account"

// Config of [New]. All of it must be given.
type Config struct {
	Issuer    string // e.g. "https://id.example.com"
	Door      *door.Door
	Authn     *authn.Authn
	Sessions  *session.Sessions
	Directory *directory.Directory
}

type account struct {
	Config
}

// New makes the door's handler. It serves /account and what is below. Invalid if Issuer is not
// an origin.
func New(c Config) (http.Handler, error) {
	forms, err := page.NewForms(c.Issuer)
	if err != nil {
		return nil, err
	}
	a := &account{Config: c}
	mux := http.NewServeMux()
	mux.Handle("GET /account", c.Door.Handle("account", page.Crossing, a.signedIn(a.show)))
	for pattern, h := range map[string]handler{
		"passkeys/rename":     a.renamePasskey,
		"passkeys/remove":     a.removePasskey,
		"sessions/end":        a.endSession,
		"sessions/end-others": a.endOthers,
	} {
		mux.Handle("POST /account/"+pattern, c.Door.Handle("account."+pattern, page.Crossing, forms.Own(a.signedIn(a.form(h)))))
	}
	mux.Handle("POST /account/passkeys/begin", c.Door.Handle("account.passkeys/begin", a.crossing, forms.Own(a.signedInScript(a.beginPasskey))))
	mux.Handle("POST /account/passkeys/finish", c.Door.Handle("account.passkeys/finish", a.crossing, forms.Own(a.signedInScript(a.finishPasskey))))
	mux.Handle("/account/", c.Door.Handle("account.unknown", page.Crossing, unknown))
	return mux, nil
}

// visit is a request of somebody who is signed in.
type visit struct {
	*http.Request
	session *symbolon.Session
	event   *door.Event
}

// by says for the log that the person changes something of their own.
func (v visit) by() authn.By {
	return authn.By{Actor: string(v.session.User), RequestID: v.event.RequestID}
}

type handler func(w http.ResponseWriter, v visit) error

// current notes who is here; nil if nobody is.
func (a *account) current(r *http.Request, ev *door.Event) (*symbolon.Session, error) {
	found, err := a.Sessions.FromRequest(r.Context(), r)
	if err == nil && found != nil {
		ev.Session, ev.Subject = string(found.ID), string(found.User)
	}
	return found, err
}

// signedIn sends whoever is not to the login, which comes back here.
func (a *account) signedIn(next handler) door.Handler {
	return func(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
		found, err := a.current(r, ev)
		if err != nil {
			return err
		}
		if found == nil {
			page.Redirect(w, r, "/login")
			return nil
		}
		return next(w, visit{r, found, ev})
	}
}

// form reads the form, and sends whoever must prove themselves first to where they can.
func (a *account) form(next handler) handler {
	return func(w http.ResponseWriter, v visit) error {
		if err := page.ParseForm(v.Request); err != nil {
			return err
		}
		err := next(w, v)
		to, wanted := a.stepUp(err)
		if !wanted {
			return err
		}
		v.event.Decision = "challenge"
		page.Redirect(w, v.Request, to)
		return nil
	}
}

// stepUp is the way through /login to what a refusal asks for, if that would lift it.
func (a *account) stepUp(err error) (string, bool) {
	if err == nil {
		return "", false
	}
	known := door.Known(err)
	if known.Kind != symbolon.Denied || len(known.Remedies) == 0 {
		return "", false
	}
	remedy := known.Remedies[0]
	step := session.Step{ReturnTo: path + "?done=confirmed", ACR: remedy.ACR, Prompt: []string{"login"}}
	if remedy.MaxAge > 0 {
		step.MaxAge = &remedy.MaxAge
	}
	sealed, err := a.Sessions.SealStep(step)
	return "/login?step=" + sealed, err == nil
}

// show is the page.
func (a *account) show(w http.ResponseWriter, v visit) error {
	user, err := a.Directory.Get(v.Context(), v.session.User)
	if err != nil {
		return err
	}
	shown := page.Account{
		Person: cmp.Or(user.Name, user.Login), Username: user.Login, Email: user.Email,
		Organisation: string(user.Organisation), Department: user.Department,
		HasPassword: user.PasswordHash != "", Notice: v.URL.Query().Get("done"),
	}
	if shown.Passkeys, err = a.passkeys(v, user); err != nil {
		return err
	}
	if shown.Sessions, err = a.sessions(v); err != nil {
		return err
	}
	page.Show(w, http.StatusOK, shown)
	return nil
}

func unknown(http.ResponseWriter, *http.Request, *door.Event) error {
	return symbolon.Errorf(symbolon.NotFound, "no page has this address")
}
