package login

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

// askLogout asks the person, because a link of any site could be behind a GET. Only who shows an ID
// token of this very session is believed at once (RP-Initiated Logout 1.0 §2): the client alone has it.
func (l *Login) askLogout(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	bye, err := l.farewell(r.URL.Query(), ev)
	if err != nil {
		return err
	}
	v, err := l.open(r, ev, "")
	switch {
	case err != nil:
		return err
	case v.session == nil:
		page.Leave(w, r, bye.way())
		return nil
	case bye.proves(l, v.session):
		return l.part(w, r, ev, v.session, bye)
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
		page.Redirect(w, r, "/logout?"+bye.asked.Encode())
		return nil
	}
	v, err := l.open(r, ev, "")
	if err != nil {
		return err
	}
	if v.session == nil {
		l.Sessions.ClearCookie(w)
		page.Leave(w, r, bye.way())
		return nil
	}
	return l.part(w, r, ev, v.session, bye)
}

// part ends the session, sees that its clients hear of it, and lets the person go where they may.
func (l *Login) part(w http.ResponseWriter, r *http.Request, ev *door.Event, s *symbolon.Session, bye farewell) error {
	parting, err := l.Logouts.Part(r.Context(), s)
	if err != nil {
		return err
	}
	if err := l.Sessions.End(r.Context(), s.ID, string(s.User), "signed out", ev.RequestID); err != nil {
		parting.Drop()
		return err
	}
	l.Sessions.ClearCookie(w)
	parting.Wait(r.Context())
	if len(parting.Frames) > 0 {
		page.Farewell(w, page.LoggedOut{Frames: parting.Frames, To: bye.to})
		return nil
	}
	page.Leave(w, r, bye.way())
	return nil
}

func loggedOut(w http.ResponseWriter, _ *http.Request, _ *door.Event) error {
	page.Farewell(w, page.LoggedOut{})
	return nil
}
