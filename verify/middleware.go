package verify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Rule is what a route asks of a token beside being good.
type Rule struct {
	Scopes []string      // all of them
	ACR    symbolon.ACR  // how strong the login must have been (RFC 9470)
	MaxAge time.Duration // how recent, in whole seconds; 0 = any
}

type contextKey struct{}

// FromContext gives the claims of the token that the request was let in with. They must not be changed.
func FromContext(ctx context.Context) (*token.Claims, bool) {
	claims, ok := ctx.Value(contextKey{}).(*token.Claims)
	return claims, ok
}

// NewContext is what [Verifier.Middleware] does to a context, for tests of handlers.
func NewContext(ctx context.Context, claims *token.Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, claims)
}

// Middleware lets requests through that carry a good token with all the scopes. The rest is
// answered as RFC 6750 §3 says: 401 without a good token, 403 without the scopes, 400 for a
// request that contradicts itself, 503 if nobody could say.
func (v *Verifier) Middleware(scopes ...string) func(http.Handler) http.Handler {
	return v.Require(Rule{Scopes: scopes})
}

// Require is Middleware for a whole [Rule]; a login that was too weak or too long ago is answered
// with 401 insufficient_user_authentication (RFC 9470 §3).
func (v *Verifier) Require(rule Rule) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, nonce, err := v.verifyRequest(r)
			if err == nil {
				err = rule.judge(claims, v.opts.Clock())
			}
			if err != nil {
				v.refuse(w, r, rule, err)
				return
			}
			if nonce != "" { // on an answer that no cache may keep (RFC 9449 §8.2)
				w.Header().Set(token.HeaderNonce, nonce)
				w.Header().Set("Cache-Control", "no-store")
			}
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
		})
	}
}

// VerifyRequest decides on the token of a request: one Authorization header with the Bearer scheme
// (RFC 6750 §2.1; tokens in the query or the body are not looked at) or, for a token that is bound
// to a key, the DPoP scheme and a proof (RFC 9449 §7.1). A token that is bound to a client
// certificate passes with that certificate (RFC 8705 §3). Errors are as of [Verifier.Verify], or
// of kind Unauthenticated with code invalid_dpop_proof or use_dpop_nonce (and a
// [*token.NonceWanted] as cause), or without a code if there was no token, or of kind Invalid with
// code invalid_request.
func (v *Verifier) VerifyRequest(r *http.Request) (*token.Claims, error) {
	claims, _, err := v.verifyRequest(r)
	return claims, err
}

func (v *Verifier) verifyRequest(r *http.Request) (claims *token.Claims, nonce string, err error) {
	p, err := presentedBy(r)
	if err != nil {
		return nil, "", err
	}
	if claims, err = v.decide(r.Context(), p.raw); err != nil {
		return nil, "", err
	}
	if v.opts.Bound && claims.Confirmation == nil {
		return nil, "", refuse("the token is not bound to its presenter, as this service asks for")
	}
	if nonce, err = v.holders.confirm(r, claims.Confirmation, p); err != nil {
		return nil, "", err
	}
	return claims, nonce, nil
}

func presentedBy(r *http.Request) (p presented, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return p, symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed")
	}
	if len(values) > 1 {
		return p, symbolon.Refuse(symbolon.Invalid, "invalid_request", "there is more than one Authorization header")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	p.dpop = strings.EqualFold(scheme, token.SchemeDPoP)
	if !p.dpop && !strings.EqualFold(scheme, "Bearer") {
		return p, symbolon.Errorf(symbolon.Unauthenticated, "an access token is needed, with the Bearer or the DPoP scheme")
	}
	if p.raw = strings.Trim(raw, " "); p.raw == "" || strings.IndexFunc(p.raw, notToken68) >= 0 {
		return p, symbolon.Refuse(symbolon.Invalid, "invalid_request", "the Authorization header is malformed")
	}
	return p, nil
}

// notToken68 is what RFC 9110 §11.2 does not allow in bearer credentials.
func notToken68(c rune) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return false
	}
	return !strings.ContainsRune("-._~+/=", c)
}

func (r Rule) judge(c *token.Claims, now time.Time) error {
	if !c.HasScope(r.Scopes...) {
		return symbolon.Refuse(symbolon.Denied, "insufficient_scope", "the token has not all the scopes that this needs")
	}
	weak := r.ACR != symbolon.ACRNone && !symbolon.ACR(c.ACR).Meets(r.ACR)
	old := r.MaxAge > 0 && (c.AuthTime.IsZero() || now.Sub(c.AuthTime) > r.MaxAge)
	if weak || old {
		return symbolon.Refuse(symbolon.Unauthenticated, "insufficient_user_authentication", "this needs a stronger or more recent login")
	}
	return nil
}

var statusOf = map[symbolon.Kind]int{
	symbolon.Unauthenticated: http.StatusUnauthorized, symbolon.Denied: http.StatusForbidden,
	symbolon.Invalid: http.StatusBadRequest, symbolon.Unavailable: http.StatusServiceUnavailable,
}

func (v *Verifier) refuse(w http.ResponseWriter, r *http.Request, rule Rule, err error) {
	known := symbolon.Errorf(symbolon.Internal, "something went wrong on our side")
	_ = errors.As(err, &known)
	status, ok := statusOf[known.Kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	if status < http.StatusInternalServerError {
		p, _ := presentedBy(r)
		w.Header().Set("WWW-Authenticate", v.challenge(rule, known, p.dpop))
	}
	var wanted *token.NonceWanted
	if errors.As(err, &wanted) {
		w.Header().Set(token.HeaderNonce, wanted.Nonce)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error,omitempty"`
		Description string `json:"error_description"`
	}{known.Code, known.Message})
}

// challenge writes the WWW-Authenticate header of RFC 6750 §3, RFC 9470 §3 and RFC 9449 §7.1. What is
// wrong is said of the scheme that was used; that there is another is said beside it.
func (v *Verifier) challenge(rule Rule, err *symbolon.Error, dpop bool) string {
	algs := "algs=" + quoted(strings.Join(token.Algorithms(), " "))
	out := "Bearer realm=" + quoted(v.opts.Audience)
	if dpop {
		out = token.SchemeDPoP + " realm=" + quoted(v.opts.Audience) + ", " + algs
	}
	if err.Code != "" {
		out += ", error=" + quoted(err.Code) + ", error_description=" + quoted(err.Message)
	}
	switch err.Code {
	case "insufficient_scope", "":
		if len(rule.Scopes) > 0 {
			out += ", scope=" + quoted(strings.Join(rule.Scopes, " "))
		}
	case "insufficient_user_authentication":
		if rule.ACR != symbolon.ACRNone {
			out += ", acr_values=" + quoted(string(rule.ACR))
		}
		if rule.MaxAge > 0 {
			out += ", max_age=" + quoted(strconv.FormatInt(int64(rule.MaxAge/time.Second), 10))
		}
	}
	if !dpop && err.Kind == symbolon.Unauthenticated {
		out += ", " + token.SchemeDPoP + " " + algs
	}
	return out
}

// quoted keeps to the characters that RFC 6750 §3 allows in error_description.
func quoted(s string) string {
	return `"` + strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, s) + `"`
}
