package broker

import (
	"net/http"
	"strings"

	"symbolon.dev"
)

// credential is what a request presents: the token of a browser's cookie, or a Bearer token.
type credential struct {
	raw        symbolon.Secret
	fromCookie bool
}

const maxCredential = 16 << 10

// credentialOf finds the one credential of a request; an empty one if there is none. Two of them
// could name two people, and each reader would believe another.
func (c cookies) credentialOf(r *http.Request) (credential, error) {
	fromCookie, err := c.sessionOf(r)
	if err != nil {
		return credential{}, err
	}
	bearer, err := bearerOf(r.Header["Authorization"])
	switch {
	case err != nil:
		return credential{}, err
	case fromCookie != "" && bearer != "":
		return credential{}, malformed("the request has both a cookie and a Bearer token")
	case fromCookie != "":
		return credential{symbolon.NewSecret(fromCookie), true}, nil
	}
	return credential{raw: symbolon.NewSecret(bearer)}, nil
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

// bearerOf reads RFC 6750 §2.1. Any other scheme is none of ours, and not passed on either.
func bearerOf(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", malformed("the Authorization header is there twice")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nameless()
	}
	raw = strings.TrimLeft(raw, " ")
	if raw == "" || len(raw) > maxCredential || strings.ContainsFunc(raw, func(c rune) bool { return !tokenRune(c) }) {
		return "", malformed("the Bearer token is malformed")
	}
	return raw, nil
}

// tokenRune: b64token of RFC 6750 §2.1.
func tokenRune(c rune) bool {
	return c < 0x80 && (unreserved(byte(c)) || c == '+' || c == '/' || c == '=')
}

func malformed(why string) error {
	return symbolon.Refuse(symbolon.Invalid, "invalid_request", "%s", why)
}
