package broker

import (
	"net/http"
	"strings"

	"symbolon.dev"
	"symbolon.dev/token"
)

// credential is what a request presents: the token of a browser's cookie, or one in the
// Authorization header, with the Bearer scheme or, bound to a key, with DPoP's.
type credential struct {
	raw        symbolon.Secret
	fromCookie bool
	dpop       bool
}

const maxCredential = 16 << 10

// credentialOf finds the one credential of a request; an empty one if there is none. Two of them
// could name two people, and each reader would believe another.
func (c cookies) credentialOf(r *http.Request) (credential, error) {
	fromCookie, err := c.sessionOf(r)
	if err != nil {
		return credential{}, err
	}
	shown, err := authorizationOf(r.Header["Authorization"])
	switch {
	case err != nil:
		return credential{}, err
	case fromCookie != "" && !shown.raw.Empty():
		return credential{}, malformed("the request has both a cookie and an access token")
	case fromCookie != "":
		return credential{raw: symbolon.NewSecret(fromCookie), fromCookie: true}, nil
	}
	return shown, nil
}

func (c cookies) sessionOf(r *http.Request) (string, error) {
	found := r.CookiesNamed(c.session())
	if len(found) == 0 {
		return "", nil
	}
	if len(found) > 1 {
		return "", malformed("the session cookie is there twice")
	}
	return found[0].Value, nil
}

// authorizationOf reads RFC 6750 §2.1 and RFC 9449 §7.1. Any other scheme is none of ours, and not
// passed on either.
func authorizationOf(values []string) (credential, error) {
	if len(values) == 0 {
		return credential{}, nil
	}
	if len(values) > 1 {
		return credential{}, malformed("the Authorization header is there twice")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	dpop := strings.EqualFold(scheme, token.SchemeDPoP)
	if !dpop && !strings.EqualFold(scheme, "Bearer") {
		return credential{}, nameless()
	}
	raw = strings.TrimLeft(raw, " ")
	if raw == "" || len(raw) > maxCredential || strings.ContainsFunc(raw, func(c rune) bool { return !tokenRune(c) }) {
		return credential{}, malformed("the access token is malformed")
	}
	return credential{raw: symbolon.NewSecret(raw), dpop: dpop}, nil
}

// tokenRune: b64token of RFC 6750 §2.1.
func tokenRune(c rune) bool {
	return c < 0x80 && (unreserved(byte(c)) || c == '+' || c == '/' || c == '=')
}

func malformed(why string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", "%s", why)
}
