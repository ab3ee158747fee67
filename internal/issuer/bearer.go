package issuer

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Bearer authenticates a request to one of our own resource servers (RFC 6750). The token
// stands in the Authorization header and nowhere else, is for the audience (an identifier), and
// carries all the scopes. The error is of kind Unauthenticated (no code: no token was sent;
// invalid_token), Denied (insufficient_scope) or Invalid (invalid_request).
func (i *Issuer) Bearer(ctx context.Context, r *http.Request, audience string, scopes ...string) (*token.Claims, error) {
	raw, err := bearerOf(r)
	if err != nil {
		return nil, err
	}
	claims, err := i.Open(ctx, raw)
	switch {
	case err != nil:
		return nil, err
	case len(claims.Audience) != 1 || claims.Audience[0] != audience:
		return nil, unbelieved("the token is for another audience")
	case claims.Confirmation != nil:
		return nil, unbelieved("the token is bound to a key and may not be used as a bearer token")
	case !claims.HasScope(scopes...):
		return nil, symbolon.Refuse(symbolon.Denied, "insufficient_scope", "the token lacks a scope of %q", strings.Join(scopes, " "))
	}
	return claims, nil
}

func bearerOf(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		return "", symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed")
	case 1:
	default:
		return "", symbolon.Refuse(symbolon.Invalid, "invalid_request", "the Authorization header may be sent once")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed, with the Bearer scheme")
	}
	raw = strings.TrimLeft(raw, " ")
	if raw == "" || strings.ContainsAny(raw, " \t,") {
		return "", symbolon.Refuse(symbolon.Invalid, "invalid_request", "the Bearer credentials are malformed")
	}
	return raw, nil
}

// BearerChallenge is the WWW-Authenticate header for an error of [Issuer.Bearer], or of a
// policy that names remedies (RFC 9470); "" where none belongs. Scopes are those that were asked for.
func BearerChallenge(err error, scopes ...string) string {
	var known *symbolon.Error
	if !errors.As(err, &known) {
		return ""
	}
	challenge := `Bearer realm="symbolon"`
	switch {
	case len(known.Remedies) > 0:
		return challenge + `, error="insufficient_user_authentication", error_description="` + quotable(known.Message) + `"` + remedy(known.Remedies[0])
	case known.Kind == symbolon.Unauthenticated && known.Code == "":
		return challenge
	case known.Code == "invalid_token", known.Code == "insufficient_scope", known.Code == "invalid_request":
		challenge += `, error="` + known.Code + `", error_description="` + quotable(known.Message) + `"`
	default:
		return ""
	}
	if known.Code == "insufficient_scope" && len(scopes) > 0 {
		challenge += `, scope="` + quotable(strings.Join(scopes, " ")) + `"`
	}
	return challenge
}

func remedy(r symbolon.Remedy) string {
	var out string
	if r.ACR != symbolon.ACRNone {
		out = `, acr_values="` + quotable(string(r.ACR)) + `"`
	}
	if r.MaxAge > 0 {
		out += `, max_age="` + strconv.FormatInt(r.MaxAge, 10) + `"`
	}
	return out
}

// quotable keeps what RFC 6750 §3 allows in error_description, and scope is a part of it.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, s)
}
