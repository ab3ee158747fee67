package login

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/directory"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

const shortestPassword = authn.MinPassword

// welcome is where somebody goes who has just enrolled.
const welcome = accountPath + "?done=welcome"

// enrol shows whose link it is and what can be made of it. It uses nothing up: mail scanners
// open links too.
func (l *Login) enrol(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	raw := r.URL.Query().Get("token")
	found, err := l.enrolment(w, r, ev, raw)
	if found == nil {
		return err
	}
	page.Show(w, http.StatusOK, enrolPage(found, raw, ""))
	return nil
}

func enrolPage(found *directory.Enrolment, raw, failure string) page.Enrol {
	return page.Enrol{Token: raw, Person: name(found.User), Username: found.User.Login, MinLength: shortestPassword, Failure: failure}
}

// enrolment opens a link; what is wrong with it becomes a page that says where to get another.
func (l *Login) enrolment(w http.ResponseWriter, r *http.Request, ev *door.Event, raw string) (*directory.Enrolment, error) {
	found, err := l.Directory.OpenEnrolment(r.Context(), raw)
	if err != nil {
		known := door.Known(err)
		if known.Kind == symbolon.Internal || known.Kind == symbolon.Unavailable {
			return nil, err
		}
		ev.Cause = err
		page.Show(w, door.StatusOf(known), page.BrokenLink{Why: known.Message, RequestID: ev.RequestID})
		return nil, nil
	}
	ev.Subject = string(found.User.ID)
	return found, nil
}

func (l *Login) enrolPassword(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	if err := page.ParseForm(r); err != nil {
		return err
	}
	raw := r.PostForm.Get("token")
	found, err := l.enrolment(w, r, ev, raw)
	if found == nil {
		return err
	}
	err = l.Authn.Passwords.Set(r.Context(), found.User.ID, symbolon.NewSecret(r.PostForm.Get("password")), by(found, ev))
	if known := asKnown(err); known != nil && known.Kind == symbolon.Invalid {
		ev.Cause = err
		page.Show(w, http.StatusUnprocessableEntity, enrolPage(found, raw, known.Message))
		return nil
	}
	if err != nil {
		return err
	}
	to, err := l.enrolled(w, r, ev, found, authn.Factor{Method: authn.MethodPassword})
	if err != nil {
		return err
	}
	page.Redirect(w, r, to)
	return nil
}

func asKnown(err error) *symbolon.Error {
	if err == nil {
		return nil
	}
	return door.Known(err)
}

func (l *Login) beginEnrolPasskey(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	asked, err := readJSON(r)
	if err != nil {
		return err
	}
	found, err := l.Directory.OpenEnrolment(r.Context(), asked.Token)
	if err != nil {
		return err
	}
	ev.Subject = string(found.User.ID)
	ceremony, err := l.Authn.Passkeys.BeginAdd(r.Context(), found.User.ID)
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", ceremony)
	return nil
}

func (l *Login) finishEnrolPasskey(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	asked, err := readJSON(r)
	if err != nil {
		return err
	}
	found, err := l.Directory.OpenEnrolment(r.Context(), asked.Token)
	if err != nil {
		return err
	}
	made, err := l.Authn.Passkeys.FinishAdd(r.Context(), caller(r, ev), found.User.ID, asked.State, asked.Credential, "", by(found, ev))
	if err != nil {
		return err
	}
	to, err := l.enrolled(w, r, ev, found, authn.Factor{Method: authn.MethodPasskey, Verified: true, Synced: made.Synced})
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", wayOn{to})
	return nil
}

// by makes the use of the link part of the change that it allows.
func by(found *directory.Enrolment, ev *door.Event) authn.By {
	return authn.By{Actor: string(found.User.ID), RequestID: ev.RequestID, With: found.Use()}
}

// enrolled signs a person in with the credential that they have just made: a login with it, a
// moment later, would prove the same.
func (l *Login) enrolled(w http.ResponseWriter, r *http.Request, ev *door.Event, found *directory.Enrolment, made authn.Factor) (string, error) {
	v, err := l.open(r, ev, "")
	if err != nil {
		return "", err
	}
	v.ReturnTo = welcome
	return l.signedIn(w, r, ev, v, found.User, []authn.Factor{made})
}
