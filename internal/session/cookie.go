package session

import (
	"net/http"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Names of the cookie. The __Host- prefix (RFC 6265bis §4.1.3.2) makes browsers refuse one that
// another host of the domain tries to plant; it needs TLS.
const (
	secureCookie = "__Host-symbolon-sso"
	plainCookie  = "symbolon-sso"
)

func (s *Sessions) cookieName() string {
	if s.secure {
		return secureCookie
	}
	return plainCookie
}

func (s *Sessions) setCookie(w http.ResponseWriter, secret symbolon.Secret) {
	http.SetCookie(w, s.cookie(secret.Reveal(), 0))
}

// ClearCookie makes the browser forget its session. It ends nothing: see [Sessions.End].
func (s *Sessions) ClearCookie(w http.ResponseWriter) { http.SetCookie(w, s.cookie("", -1)) }

// cookie has no end of its own (the server knows the end), so a closed browser forgets it.
func (s *Sessions) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is off for plain-HTTP loopback issuers alone
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// presented gives the session secret of a request. Two cookies of the name mean that one was
// planted by somebody else: then neither is believed.
func (s *Sessions) presented(r *http.Request) (symbolon.Secret, bool) {
	found := r.CookiesNamed(s.cookieName())
	if len(found) != 1 {
		return symbolon.Secret{}, false
	}
	prefix, ok := token.CheckOpaque(found[0].Value)
	return symbolon.NewSecret(found[0].Value), ok && prefix == token.PrefixSession
}
