package login

import (
	"encoding/json"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

// What the page's script sends and gets. Credential is PublicKeyCredential.toJSON() (WebAuthn
// Level 3 §5.1).
type (
	passkeyRequest struct {
		Step       string          `json:"step"`
		Token      string          `json:"token"` // of an enrolment link
		State      string          `json:"state"`
		Credential json.RawMessage `json:"credential"`
	}
	wayOn struct {
		Location string `json:"location"`
	}
)

// beginPasskey asks for any passkey, or for one of the person whose session lacks only strength.
func (l *Login) beginPasskey(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	asked, err := readJSON(r)
	if err != nil {
		return err
	}
	v, err := l.open(r, ev, asked.Step)
	if err != nil {
		return err
	}
	var of symbolon.UserID
	if v.lacksStrength() {
		of = v.session.User
	}
	ceremony, err := l.Authn.Passkeys.Begin(r.Context(), of)
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", ceremony)
	return nil
}

func (l *Login) finishPasskey(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	asked, err := readJSON(r)
	if err != nil {
		return err
	}
	v, err := l.open(r, ev, asked.Step)
	if err != nil {
		return err
	}
	result, err := l.Authn.Passkeys.Finish(r.Context(), caller(r, ev), asked.State, asked.Credential)
	if err != nil {
		retryAfter(w, err)
		return err
	}
	to, err := l.signedIn(w, r, ev, v, result.User, result.Factors)
	if err != nil {
		return err
	}
	door.WriteJSON(w, http.StatusOK, "application/json", wayOn{to})
	return nil
}

func readJSON(r *http.Request) (asked passkeyRequest, err error) {
	return asked, page.ParseJSON(r, &asked)
}
