package account

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/page"
)

func (a *account) sessions(v visit) ([]page.Session, error) {
	live, err := a.Sessions.Of(v.Context(), v.session.User)
	if err != nil {
		return nil, err
	}
	shown := make([]page.Session, len(live))
	for i, one := range live {
		shown[i] = page.Session{
			ID: string(one.ID), Agent: one.Agent, Current: one.ID == v.session.ID,
			Strong: one.ACR.Meets(symbolon.ACRPhishing), Started: one.Created, LastSeen: one.LastSeen,
		}
	}
	return shown, nil
}

func (a *account) endSession(w http.ResponseWriter, v visit) error {
	id := symbolon.SessionID(v.PostForm.Get("id"))
	found, err := a.Sessions.Get(v.Context(), id)
	if err != nil {
		return err
	}
	if found.User != v.session.User {
		return symbolon.Errorf(symbolon.NotFound, "there is no such session")
	}
	if err := a.Sessions.End(v.Context(), id, string(v.session.User), "ended by the person", v.event.RequestID); err != nil {
		return err
	}
	to := path + "?done=session-ended"
	if id == v.session.ID {
		a.Sessions.ClearCookie(w)
		to = "/logged-out"
	}
	page.Redirect(w, v.Request, to)
	return nil
}

func (a *account) endOthers(w http.ResponseWriter, v visit) error {
	_, err := a.Sessions.EndAll(v.Context(), v.session.User, v.session.ID, string(v.session.User), "ended by the person", v.event.RequestID)
	if err != nil {
		return err
	}
	page.Redirect(w, v.Request, path+"?done=sessions-ended")
	return nil
}
