package login

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
)

// password is the path that needs no script: one form, one answer.
func (l *Login) password(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	if err := page.ParseForm(r); err != nil {
		return err
	}
	v, err := l.open(r, ev, r.PostForm.Get("step"))
	if err != nil {
		return err
	}
	if !v.passwordHelps() {
		page.Redirect(w, r, loginURL(v.sealed))
		return nil
	}
	result, err := l.Authn.Passwords.Finish(r.Context(), caller(r, ev), r.PostForm.Get("username"), symbolon.NewSecret(r.PostForm.Get("password")))
	if err != nil {
		return l.askAgain(w, r, ev, v, err)
	}
	to, err := l.signedIn(w, r, ev, v, result.User, result.Factors)
	if err != nil {
		return err
	}
	goOn(w, r, v, to)
	return nil
}

// askAgain shows the form once more, with what was wrong, if trying again can help.
func (l *Login) askAgain(w http.ResponseWriter, r *http.Request, ev *door.Event, v visit, err error) error {
	known := door.Known(err)
	status := http.StatusForbidden // 401 would have to name an HTTP authentication scheme (RFC 9110 §15.5.2)
	switch known.Kind {
	case symbolon.TooMany:
		status = http.StatusTooManyRequests
		retryAfter(w, err)
	case symbolon.Unauthenticated, symbolon.Denied, symbolon.Invalid:
	default:
		return err
	}
	ev.Cause = err
	shown := l.loginPage(v)
	shown.Username, shown.Failure = r.PostForm.Get("username"), known.Message
	page.Show(w, status, shown)
	return nil
}

// retryAfter tells machines how long to wait (RFC 9110 §10.2.3), if waiting helps.
func retryAfter(w http.ResponseWriter, err error) {
	var wait authn.RetryAfter
	if errors.As(err, &wait) {
		seconds := (time.Duration(wait) + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
}
