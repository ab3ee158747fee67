package login

import (
	"cmp"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/authn"
	"symbolon.dev/internal/door"
	"symbolon.dev/internal/page"
	"symbolon.dev/internal/session"
)

// accountPath is where a login goes that nobody asked for.
const accountPath = "/account"

// visit is one request on its way through this door: the step it does, if it came with one, and
// whoever is signed in already.
type visit struct {
	session.Step
	sealed  string            // the step as it came; "" = none
	session *symbolon.Session // nil = nobody
	user    *symbolon.User    // of the session
}

// open reads the step and the session of a request and notes both for the log.
func (l *Login) open(r *http.Request, ev *door.Event, sealed string) (visit, error) {
	v := visit{Step: session.Step{ReturnTo: accountPath}, sealed: sealed}
	if sealed != "" {
		step, err := l.Sessions.OpenStep(sealed)
		if err != nil {
			return visit{}, err
		}
		v.Step = step
	}
	ev.Client, ev.Resource = string(v.Client), string(v.Resource)
	current, err := l.Sessions.FromRequest(r.Context(), r)
	if err != nil || current == nil {
		return v, err
	}
	v.session = current
	ev.Session, ev.Subject = string(current.ID), string(current.User)
	v.user, err = l.Directory.Get(r.Context(), current.User)
	return v, err
}

// name is what people call somebody.
func name(u *symbolon.User) string {
	if u == nil {
		return ""
	}
	return cmp.Or(u.Name, u.Login)
}

// client is the application of a step in people's words. A broker stands for the resource that
// it fronts; nil if the step has no client.
func (l *Login) client(v visit) *page.Client {
	found, ok := l.Client(v.Client)
	if v.Client == "" || !ok {
		return nil
	}
	shown := &page.Client{
		Name: cmp.Or(found.Name, string(found.ID)),
		Logo: found.LogoURI, Policy: found.PolicyURI, Terms: found.TOSURI,
	}
	if resource, ok := l.Resource(v.Resource); ok && found.Broker {
		shown.Name = cmp.Or(resource.Name, string(resource.ID))
	}
	return shown
}

// caller is who is at the other end, for throttles and for the person's list of sessions.
func caller(r *http.Request, ev *door.Event) authn.Caller {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address is throttled like any other
	return authn.Caller{Address: at.Addr().Unmap(), Agent: r.UserAgent(), RequestID: ev.RequestID}
}

func loginURL(sealed string) string {
	if sealed == "" {
		return "/login"
	}
	return "/login?" + url.Values{"step": {sealed}}.Encode()
}

// withParameter adds one to an address and leaves what is there as it is.
func withParameter(address, name, value string) string {
	address, fragment, fragmented := strings.Cut(address, "#")
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	address += separator + url.Values{name: {value}}.Encode()
	if fragmented {
		address += "#" + fragment
	}
	return address
}

// goOn answers a form: what a client asked for may lead to its origin.
func goOn(w http.ResponseWriter, r *http.Request, v visit, to string) {
	if v.Client == "" {
		page.Redirect(w, r, to)
		return
	}
	page.Leave(w, r, to)
}
