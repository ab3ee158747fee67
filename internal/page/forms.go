package page

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"symbolon.dev"
	"symbolon.dev/internal/door"
)

// Forms believes only what pages of this origin send. A browser says where a request comes from
// (Sec-Fetch-Site, or Origin in older ones); whoever says neither is no browser, and carries no
// cookie that a person did not give it.
type Forms struct{ origin *http.CrossOriginProtection }

// NewForms is for pages at origin, e.g. "https://id.example.com". Invalid if it is not one.
func NewForms(origin string) (*Forms, error) {
	f := &Forms{origin: http.NewCrossOriginProtection()}
	if err := f.origin.AddTrustedOrigin(origin); err != nil {
		return nil, symbolon.Errorf(symbolon.Invalid, "%q is not an origin", origin).Because(err)
	}
	return f, nil
}

// Sent reports whether a page of this origin sent r; Denied otherwise.
func (f *Forms) Sent(r *http.Request) error {
	if err := f.origin.Check(r); err != nil {
		return symbolon.Errorf(symbolon.Denied, "this was sent by another site, not by a page of this one").Because(err)
	}
	return nil
}

// Own runs next only for what pages of this origin send.
func (f *Forms) Own(next door.Handler) door.Handler {
	return func(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
		if err := f.Sent(r); err != nil {
			return err
		}
		return next(w, r, ev)
	}
}

// ParseForm reads the body of a form into r.PostForm.
func ParseForm(r *http.Request) error {
	err := r.ParseForm()
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return symbolon.Errorf(symbolon.Invalid, "the form cannot be read").Because(err)
}

// ParseJSON reads what the script sends. It insists on the media type, which no form of another
// site can send without asking first (Fetch §4.8, CORS preflight).
func ParseJSON(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return symbolon.Errorf(symbolon.Invalid, "the body must be application/json")
	}
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return symbolon.Errorf(symbolon.Invalid, "the body cannot be read").Because(err)
	}
	return nil
}
