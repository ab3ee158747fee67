package issuer

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/token"
)

// Bearer authenticates a request to one of our own resource servers: RFC 6750, and for tokens that
// are bound to a key or a certificate RFC 9449 §7 and RFC 8705 §3. The token stands in the
// Authorization header and nowhere else, is for the audience (an identifier), and carries all the
// scopes. The error is of kind Unauthenticated (no code: no token was sent; invalid_token;
// invalid_dpop_proof), Denied (insufficient_scope) or Invalid (invalid_request).
func (i *Issuer) Bearer(ctx context.Context, r *http.Request, audience string, scopes ...string) (*token.Claims, error) {
	p, err := presentedBy(r)
	if err != nil {
		return nil, noting(err, audience, false)
	}
	claims, err := i.admit(ctx, r, p, audience, scopes)
	if err != nil {
		return nil, noting(err, audience, p.dpop)
	}
	return claims, nil
}

func (i *Issuer) admit(ctx context.Context, r *http.Request, p presented, audience string, scopes []string) (*token.Claims, error) {
	claims, err := i.Open(ctx, p.raw)
	if err != nil {
		return nil, err
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != audience {
		return nil, unbelieved("the token is for another audience")
	}
	if err := i.confirm(ctx, r, claims.Confirmation, p); err != nil {
		return nil, err
	}
	if !claims.HasScope(scopes...) {
		return nil, symbolon.Refuse(symbolon.Denied, "insufficient_scope", "the token lacks a scope of %q", strings.Join(scopes, " "))
	}
	return claims, nil
}

// presented is the token of a request, and whether it came with the DPoP scheme.
type presented struct {
	raw  string
	dpop bool
}

func presentedBy(r *http.Request) (presented, error) {
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		return presented{}, symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed")
	case 1:
	default:
		return presented{}, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the Authorization header may be sent once")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	dpop := strings.EqualFold(scheme, token.SchemeDPoP)
	if !dpop && !strings.EqualFold(scheme, "bearer") {
		return presented{}, symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed, with the Bearer or the DPoP scheme")
	}
	raw = strings.TrimLeft(raw, " ")
	if raw == "" || strings.ContainsAny(raw, " \t,") {
		return presented{}, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the credentials of the Authorization header are malformed")
	}
	return presented{raw, dpop}, nil
}

// asking notes, as a cause, what the challenge has to speak of: the resource that was asked for
// (RFC 9728 §5.1), and the DPoP scheme if the request used it (RFC 9449 §7.2).
type asking struct {
	cause    error
	audience string
	dpop     bool
}

func (a *asking) Error() string {
	if a.cause == nil {
		return "asked for " + a.audience
	}
	return a.cause.Error()
}

func (a *asking) Unwrap() error { return a.cause }

func noting(err error, audience string, dpop bool) error {
	var known *symbolon.Error
	if !errors.As(err, &known) {
		return err
	}
	marked := *known
	marked.Cause = &asking{known.Cause, audience, dpop}
	return &marked
}

// BearerChallenge is the WWW-Authenticate header for an error of [Issuer.Bearer], or of a
// policy that names remedies (RFC 9470); "" where none belongs. Scopes are those that were asked for.
func BearerChallenge(err error, scopes ...string) string {
	var known *symbolon.Error
	if !errors.As(err, &known) {
		return ""
	}
	reason, ok := reasonOf(known, scopes)
	if !ok {
		return ""
	}
	algs := `algs="` + strings.Join(token.Algorithms(), " ") + `"`
	var marked *asking
	if errors.As(err, &marked) {
		reason += `, resource_metadata="` + quotable(catalog.ProtectedURL(marked.audience)) + `"`
	}
	if marked != nil && marked.dpop {
		return token.SchemeDPoP + ` realm="symbolon"` + reason + ", " + algs
	}
	challenge := `Bearer realm="symbolon"` + reason
	if known.Kind == symbolon.Unauthenticated {
		challenge += ", " + token.SchemeDPoP + " " + algs
	}
	return challenge
}

// reasonOf is the part of a challenge that says what is wrong; ok is false if none is due.
func reasonOf(known *symbolon.Error, scopes []string) (reason string, ok bool) {
	said := `, error_description="` + quotable(known.Message) + `"`
	switch {
	case len(known.Remedies) > 0:
		return `, error="insufficient_user_authentication"` + said + remedy(known.Remedies[0]), true
	case known.Kind == symbolon.Unauthenticated && known.Code == "":
		return "", true
	case known.Code == "insufficient_scope" && len(scopes) > 0:
		return `, error="insufficient_scope"` + said + `, scope="` + quotable(strings.Join(scopes, " ")) + `"`, true
	}
	switch known.Code {
	case "invalid_token", "insufficient_scope", "invalid_request", token.CodeInvalidProof:
		return `, error="` + known.Code + `"` + said, true
	}
	return "", false
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
