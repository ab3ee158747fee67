package account

import (
	"encoding/json"
	"net/http"
	"net/netip"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

func (a *account) passkeys(v visit, user *symbolon.User) ([]page.Passkey, error) {
	found, err := a.Authn.Passkeys.List(v.Context(), user.ID)
	if err != nil {
		return nil, err
	}
	shown := make([]page.Passkey, len(found))
	for i, key := range found {
		shown[i] = page.Passkey{
			ID: string(key.ID), Name: key.Name, Added: key.Created, LastUsed: key.LastUsed, Synced: key.Synced,
			Only: len(found) == 1 && user.PasswordHash == "",
		}
	}
	return shown, nil
}

func (a *account) renamePasskey(w http.ResponseWriter, v visit) error {
	id := symbolon.CredentialID(v.PostForm.Get("id"))
	if err := a.Authn.Passkeys.Rename(v.Context(), v.session.User, id, v.PostForm.Get("name"), v.by()); err != nil {
		return err
	}
	page.Redirect(w, v.Request, path+"?done=passkey-renamed")
	return nil
}

func (a *account) removePasskey(w http.ResponseWriter, v visit) error {
	if err := a.Authn.Manage(v.Context(), v.session); err != nil {
		return err
	}
	id := symbolon.CredentialID(v.PostForm.Get("id"))
	if err := a.Authn.Passkeys.Remove(v.Context(), v.session.User, id, v.by()); err != nil {
		return err
	}
	page.Redirect(w, v.Request, path+"?done=passkey-removed")
	return nil
}

// signedInScript is signedIn for the page's script, which cannot follow to another page.
func (a *account) signedInScript(next handler) door.Handler {
	return func(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
		found, err := a.current(r, ev)
		if err != nil {
			return err
		}
		if found == nil {
			return symbolon.Errorf(symbolon.Unauthenticated, "your session is over")
		}
		if err := a.Authn.Manage(r.Context(), found); err != nil {
			return err
		}
		return next(w, visit{r, found, ev})
	}
}

func (a *account) beginPasskey(w http.ResponseWriter, v visit) error {
	ceremony, err := a.Authn.Passkeys.BeginAdd(v.Context(), v.session.User)
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", ceremony)
	return nil
}

func (a *account) finishPasskey(w http.ResponseWriter, v visit) error {
	var answer struct {
		State      string          `json:"state"`
		Credential json.RawMessage `json:"credential"`
	}
	if err := page.ParseJSON(v.Request, &answer); err != nil {
		return err
	}
	at, _ := netip.ParseAddrPort(v.RemoteAddr) // the zero address is one like any other
	from := authn.Caller{Address: at.Addr().Unmap(), Agent: v.UserAgent(), RequestID: v.event.RequestID}
	if _, err := a.Authn.Passkeys.FinishAdd(v.Context(), from, v.session.User, answer.State, answer.Credential, "", v.by()); err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", map[string]string{"location": path + "?done=passkey-added"})
	return nil
}

// crossing is a problem for the script, with the way to what would lift it (RFC 9457 §3.2).
func (a *account) crossing(w http.ResponseWriter, _ *http.Request, ev *door.Event, err error) {
	known := door.Known(err)
	problem := struct {
		door.Problem
		Location string `json:"location,omitempty"`
	}{Problem: door.Problem{
		Type: "about:blank", Title: http.StatusText(door.StatusOf(known)), Status: door.StatusOf(known),
		Detail: known.Message, RequestID: ev.RequestID, Remedies: known.Remedies,
	}}
	if known.Kind == symbolon.Unauthenticated {
		problem.Location = "/login"
	}
	if to, wanted := a.stepUp(err); wanted {
		problem.Location, ev.Decision = to, "challenge"
	}
	door.WriteJSON(w, problem.Status, "application/problem+json", problem)
}
