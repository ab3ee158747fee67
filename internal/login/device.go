package login

import (
	"net/http"
	"net/url"

	"symbolon.dev"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
	"symbolon.dev/internal/page"
)

const (
	devicePath  = "/device"
	confirmPath = "/device/confirm"
)

// askCode shows the form for a user code. An address may fill it in, and that is all it may: the
// code is looked up only once the person has sent the form (RFC 8628 §3.3.1).
func (l *Login) askCode(w http.ResponseWriter, r *http.Request, _ *door.Event) error {
	code, _ := grant.UserCode(r.URL.Query().Get("user_code"))
	page.Show(w, http.StatusOK, page.Device{Code: code})
	return nil
}

// enterCode takes the form, and has the person sign in before anything is looked up.
func (l *Login) enterCode(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	if err := page.ParseForm(r); err != nil {
		return err
	}
	entered, err := l.Grants.Enter(r.PostForm.Get("user_code"))
	if err != nil {
		return l.askCodeAgain(w, ev, err)
	}
	page.Redirect(w, r, confirmPath+"?"+url.Values{"entered": {entered}}.Encode())
	return nil
}

// askCodeAgain shows the form once more, with what was wrong, if another code can help.
func (l *Login) askCodeAgain(w http.ResponseWriter, ev *door.Event, err error) error {
	known := door.Known(err)
	switch known.Kind {
	case symbolon.Invalid, symbolon.NotFound, symbolon.Conflict, symbolon.TooMany:
		ev.Cause = err
		page.Show(w, door.StatusOf(known), page.Device{Failure: known.Message})
		return nil
	}
	return err
}

// askDevice finds what a device asks for and shows it to the person.
func (l *Login) askDevice(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	asked := r.URL.Query()
	v, err := l.answering(w, r, ev, confirmPath+"?"+asked.Encode())
	if err != nil || v.session == nil {
		return err
	}
	if entered := asked.Get("entered"); entered != "" {
		q, err := l.Grants.Entered(r.Context(), v.session.User, caller(r, ev).Address, entered)
		if err != nil {
			return l.askCodeAgain(w, ev, err)
		}
		page.Redirect(w, r, confirmPath+"?"+url.Values{"request": {q.Ref}}.Encode())
		return nil
	}
	q, err := l.question(r, ev, v, asked.Get("request"))
	if err != nil {
		return l.askCodeAgain(w, ev, err)
	}
	if err := l.Grants.May(r.Context(), q, v.session, ev.RequestID); err != nil {
		return l.strengthen(w, r, v, q, confirmPath+"?"+url.Values{"request": {q.Ref}}.Encode(), err)
	}
	page.Show(w, http.StatusOK, page.DeviceConfirm{Client: l.asker(q), Ref: q.Ref, Person: name(v.user), Code: q.UserCode, Wants: wants(q), Ends: q.Ends})
	return nil
}

// answerDevice takes the person's answer.
func (l *Login) answerDevice(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	v, q, allow, err := l.answered(w, r, ev, devicePath)
	if err != nil || q == nil {
		return err
	}
	if err := l.Grants.Answer(r.Context(), q, v.session, allow, ev.RequestID); err != nil {
		return l.strengthen(w, r, v, q, confirmPath+"?"+url.Values{"request": {q.Ref}}.Encode(), err)
	}
	page.Show(w, http.StatusOK, page.DeviceDone{Client: l.asker(q), Allowed: allow})
	return nil
}

// showCode is a page that a device can show: the code to scan, and the same to type. It looks
// nothing up: it draws what it is given, if that can be a code.
func (l *Login) showCode(w http.ResponseWriter, r *http.Request, _ *door.Event) error {
	code, ok := grant.UserCode(r.URL.Query().Get("user_code"))
	if !ok {
		return symbolon.Errorf(symbolon.Invalid, "user_code is not a code")
	}
	shown := page.DeviceCode{Address: l.Issuer + devicePath, Code: code}
	if err := shown.Draw(shown.Address + "?user_code=" + code); err != nil {
		return err
	}
	page.Show(w, http.StatusOK, shown)
	return nil
}
